canopy_bench(dictionary_bench SOURCES dictionary_bench.cc LINK canopy::shard)
