canopy_bench(rpc_bench SOURCES rpc_bench.cc LINK canopy::rpc canopy::proto_services)
