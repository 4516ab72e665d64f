// The kernels that searches are made of, each at every processor level: sets of one chunk,
// positions of a batch of documents, words of 64 documents. A benchmark's name ends with its level.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "shard/cpu_level.h"
#include "shard/exact_scorer.h"
#include "shard/format.h"
#include "shard/position_kernels.h"
#include "shard/posting_list.h"
#include "shard/scorer.h"
#include "shard/search_scratch.h"
#include "shard/set_kernels.h"
#include "shard/word_kernels.h"

namespace canopy {
namespace {

// Measures what `body` does at every level. It lives as long as the program.
template <typename Body>
void Measure(std::string_view name, Body body) {
  for (const CpuLevel level : SupportedCpuLevels()) {
    const std::string full_name = Concat(name, "/", CpuLevelName(level));
    benchmark::RegisterBenchmark(full_name.c_str(), [level, body](benchmark::State& state) {
      const ScopedCpuLevel scoped(level);
      for (auto _ : state) {
        body();
        benchmark::ClobberMemory();
      }
    });
  }
}

// A random set of `size` documents of a chunk, in both forms.
struct Set {
  std::vector<uint16_t> array;
  ChunkBits bits{};

  Set(uint32_t size, uint32_t seed) {
    std::mt19937 random(seed);
    for (uint32_t doc = 0; doc < kChunkDocs; ++doc) {
      const auto left = size - static_cast<uint32_t>(array.size());
      if (random() % (kChunkDocs - doc) >= left) continue;
      array.push_back(static_cast<uint16_t>(doc));
      bits.words[doc / 64] |= uint64_t{1} << doc % 64;
    }
  }
  const uint64_t* words() const { return bits.words.data(); }
};

struct Sets {
  const Set few{50, 1}, array{1000, 2}, longer{2000, 3}, dense{20'000, 4}, denser{40'000, 5};
  const std::array<const uint64_t*, 2> both = {dense.words(), denser.words()};
  ChunkBits out{};
  ChunkArray out_array{};
  std::array<uint32_t, kScoreBatch> ranks{};
  std::vector<uint16_t> window_ranks;
  ContainerView container;

  Sets() {
    uint32_t rank = 0;
    for (uint32_t word = 0; word < kBitsetWords; ++word) {
      if (word % kWordsPerWindow == 0) window_ranks.push_back(static_cast<uint16_t>(rank));
      rank += static_cast<uint32_t>(__builtin_popcountll(denser.bits.words[word]));
    }
    container.cardinality = rank;
    container.bitset = denser.words();
  }
};

void MeasureSets(Sets& s) {
  const auto intersect_count = [](const Set& a, const Set& b) {
    return [&] {
      benchmark::DoNotOptimize(CurrentSetKernels().intersect_count(a.array.data(), a.array.size(),
                                                                   b.array.data(), b.array.size()));
    };
  };
  Measure("set/count",
          [&s] { benchmark::DoNotOptimize(CurrentSetKernels().count(s.dense.words())); });
  Measure("set/and_count", [&s] {
    benchmark::DoNotOptimize(CurrentSetKernels().and_count(s.both.data(), s.both.size()));
  });
  Measure("set/or_count", [&s] {
    benchmark::DoNotOptimize(CurrentSetKernels().or_count(s.both.data(), s.both.size()));
  });
  Measure("set/and_into",
          [&s] { CurrentSetKernels().and_into(s.both.data(), s.both.size(), s.out.words.data()); });
  Measure("set/or_with",
          [&s] { CurrentSetKernels().or_with(s.out.words.data(), s.dense.words()); });
  Measure("set/set_bits", [&s] {
    CurrentSetKernels().set_bits(s.out.words.data(), s.array.array.data(), s.array.array.size());
  });
  Measure("set/to_array",
          [&s] { CurrentSetKernels().to_array(s.dense.words(), s.out_array.data()); });
  Measure("set/probe_count", [&s] {
    benchmark::DoNotOptimize(CurrentSetKernels().probe_count(
        s.array.array.data(), s.array.array.size(), s.both.data(), s.both.size()));
  });
  Measure("set/probe", [&s] {
    CurrentSetKernels().probe(s.array.array.data(), s.array.array.size(), s.both.data(),
                              s.both.size(), s.out_array.data());
  });
  Measure("set/intersect_count", intersect_count(s.array, s.longer));
  Measure("set/intersect_count_few", intersect_count(s.few, s.longer));
  Measure("set/find_ranks", [&s] {
    CurrentSetKernels().find_ranks(s.container, s.window_ranks.data(), s.array.array.data(),
                                   s.ranks.size(), s.ranks.data());
  });
}

struct Positions {
  std::array<uint8_t, kPositionBlockPostings> frequencies{};
  std::array<uint32_t, kPositionBlockPostings + 1 + kSumSlack> starts{};
  std::vector<uint8_t> varints;  // mostly of one byte
  size_t count = 1000;           // of them
  std::vector<uint16_t> sums;
  std::vector<PositionSlice> first, second;  // of a batch of documents
  std::array<bool, kScoreBatch> count_all{};
  std::array<float, kScoreBatch> counts{};

  Positions() : sums(count + kSumSlack) {
    std::mt19937 random(1);
    for (uint8_t& frequency : frequencies) frequency = static_cast<uint8_t>(1 + random() % 5);
    for (size_t i = 0; i < count; ++i) {
      if (random() % 8 == 0) varints.push_back(static_cast<uint8_t>(0x80 | random() % 0x80));
      varints.push_back(static_cast<uint8_t>(1 + random() % 0x7F));
    }
    BaselinePositionKernels()->decode_sums(varints.data(), varints.data() + varints.size(), count,
                                           sums.data());
    for (size_t i = 0; i < kScoreBatch; ++i) {
      first.push_back({sums.data(), static_cast<uint32_t>(1 + random() % 4), 0});
      second.push_back({sums.data(), static_cast<uint32_t>(1 + random() % 20), 0});
    }
    count_all.fill(true);
  }
};

void MeasurePositions(Positions& p) {
  Measure("position/add_frequencies", [&p] {
    CurrentPositionKernels().add_frequencies(p.frequencies.data(), p.frequencies.size(),
                                             p.starts.data());
  });
  Measure("position/sum_frequencies", [&p] {
    benchmark::DoNotOptimize(
        CurrentPositionKernels().sum_frequencies(p.frequencies.data(), p.frequencies.size()));
  });
  Measure("position/skip", [&p] {
    benchmark::DoNotOptimize(CurrentPositionKernels().skip(
        p.varints.data(), p.varints.data() + p.varints.size(), p.count));
  });
  Measure("position/decode_sums", [&p] {
    CurrentPositionKernels().decode_sums(p.varints.data(), p.varints.data() + p.varints.size(),
                                         p.count, p.sums.data());
  });
  Measure("position/count_pairs", [&p] {
    CurrentPositionKernels().count_pairs(p.first.data(), p.second.data(), p.first.size(),
                                         /*distance=*/1, p.count_all.data(), p.counts.data());
  });
}

struct Words {
  static constexpr size_t kChunks = 16;  // that are looked for words in at once
  std::array<uint8_t, kWordsPerChunk> bounds{}, smallest{};
  std::vector<uint16_t> sums, zeros;
  std::vector<uint8_t> levels;
  std::vector<uint32_t> found;
  std::array<uint8_t, kWindowDocs> frequencies{};
  std::array<uint8_t, kWordDocs> codes{};
  const Set dense{20'000, 6};
  const NormTable norms{LengthNorms::Make(1.2f, 0.75f, 40).k};
  std::array<WordTerm, 3> terms{};

  Words()
      : sums(kChunks * kWordsPerChunk),
        zeros(kWordsPerChunk),
        levels(sums.size()),
        found(sums.size()) {
    std::mt19937 random(1);
    for (uint8_t& bound : bounds) bound = static_cast<uint8_t>(random());
    for (uint16_t& sum : sums) sum = static_cast<uint16_t>(random() % 1000);
    for (uint8_t& frequency : frequencies) frequency = static_cast<uint8_t>(1 + random() % 5);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(random() % 60);
    for (WordTerm& term : terms) term = {dense.words(), frequencies.data(), 2, 4};
    BaselineWordKernels()->make_levels(sums.data(), sums.size(), /*shift=*/2, levels.data());
  }
};

void MeasureWords(Words& w) {
  Measure("word/add_bounds",
          [&w] { CurrentWordKernels().add_bounds(w.bounds.data(), /*unit=*/0, w.zeros.data()); });
  Measure("word/add_required_bounds", [&w] {
    CurrentWordKernels().add_required_bounds(w.bounds.data(), /*unit=*/0, w.zeros.data());
  });
  Measure("word/min_bounds",
          [&w] { CurrentWordKernels().min_bounds(w.bounds.data(), w.smallest.data()); });
  Measure("word/max_sum", [&w] {
    benchmark::DoNotOptimize(CurrentWordKernels().max_sum(w.sums.data(), w.sums.size()));
  });
  Measure("word/make_levels", [&w] {
    CurrentWordKernels().make_levels(w.sums.data(), w.sums.size(), /*shift=*/2, w.levels.data());
  });
  Measure("word/find_level", [&w] {
    CurrentWordKernels().find_level(w.levels.data(), w.levels.size(), /*level=*/200,
                                    w.found.data());
  });
  Measure("word/find_sums", [&w] {
    CurrentWordKernels().find_sums(w.sums.data(), w.sums.size(), /*least=*/950, w.found.data());
  });
  Measure("word/score_word", [&w] {
    benchmark::DoNotOptimize(CurrentWordKernels().score_word(
        w.terms.data(), w.terms.size(), /*place=*/1, WordParts(), w.norms, w.codes.data(),
        /*least=*/3));
  });
}

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) {
#ifndef NDEBUG
  std::fprintf(stderr, "%s: a debug build measures nothing, use the release preset\n", argv[0]);
  return 1;
#endif
  canopy::Sets sets;
  canopy::Positions positions;
  canopy::Words words;
  canopy::MeasureSets(sets);
  canopy::MeasurePositions(positions);
  canopy::MeasureWords(words);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
