canopy_bench(indexer_bench SOURCES indexer_bench.cc LINK canopy::indexer)
