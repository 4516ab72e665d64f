canopy_bench(dictionary_bench SOURCES dictionary_bench.cc LINK canopy::shard)
canopy_bench(kernel_bench SOURCES kernel_bench.cc LINK canopy::shard)
