canopy_bench(text_bench SOURCES text_bench.cc LINK canopy::text)
