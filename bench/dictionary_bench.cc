// What a term costs before any document is looked at: finding it in a dictionary of two million
// terms, most of which occur once, and opening its postings. Also how many bytes an entry takes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "shard/shard_file.h"
#include "shard/shard_writer.h"

namespace canopy {
namespace {

constexpr uint32_t kDocs = 1 << 20;
constexpr size_t kTerms = 2'000'000;
constexpr uint32_t kSeed = 1;

// Words, numbers and hexadecimal strings, as in source code.
std::vector<std::string> MakeTerms() {
  std::mt19937_64 random(kSeed);
  std::vector<std::string> terms;
  while (terms.size() < kTerms + kTerms / 10) {
    const uint64_t number = random();
    switch (number % 3) {
      case 0:
        terms.push_back(Concat(number % 100000000));
        break;
      case 1:
        terms.push_back(Concat(absl::Hex(number >> 20)));
        break;
      default:
        terms.emplace_back();
        for (uint64_t i = 0; i < 3 + number % 9; ++i) {
          terms.back().push_back(static_cast<char>('a' + random() % 26));
        }
    }
  }
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  terms.resize(std::min(terms.size(), kTerms));
  return terms;
}

// 60 of 100 terms are in one document, one of 10,000 in 30,000.
uint32_t DfOf(size_t term) {
  if (term % 100 < 60) return 1;
  return term % 10000 == 99 ? 30000 : 2 + term % 7;
}

struct Dictionary {
  std::vector<std::string> terms;
  std::unique_ptr<ShardFile> shard;
};

void AddTerm(const std::string& term, uint32_t df, EncodedTerms& encoded) {
  std::vector<LocalDoc> docs;
  const uint32_t step = kDocs / df;
  for (uint32_t i = 0; i < df; ++i) docs.push_back(i * step + step / 2);
  const std::vector<TermFrequency> tfs(df, 1);
  const std::string positions(df, '\1');
  encoded.Add({term, df, {}, docs, tfs, positions});
}

Dictionary MakeDictionary() {
  Dictionary dictionary;
  dictionary.terms = MakeTerms();
  const std::string name = "canopy-dictionary-bench";
  const std::string path = "/tmp/" + name;
  auto writer = *ShardWriter::Create(
      LocalFileSystem(),
      {.shard = 0, .num_shards = 1, .directory = "/tmp", .file_name = name, .deleted_docs = {}});
  uint64_t tokens = 0;
  for (size_t i = 0; i < dictionary.terms.size(); ++i) tokens += DfOf(i);
  // The writer wants lengths that add up; which document has them does not matter here.
  EncodedDocs docs;
  for (uint32_t doc = 0; doc < kDocs; ++doc) {
    const std::pair<uint32_t, uint32_t> length[] = {
        {0, static_cast<uint32_t>(tokens / kDocs + (doc < tokens % kDocs ? 1 : 0))}};
    docs.Add({"", length, {}});
  }
  docs.Seal();
  CHECK(writer->AddDocs(std::move(docs)).ok());
  CollectionStats stats;
  stats.docs = kDocs;
  stats.tokens = tokens;
  stats.fields = {{"text", kDocs, tokens}};
  stats.length_histogram.assign(256, 0);
  for (const uint8_t code : writer->length_codes()) ++stats.length_histogram[code];
  EncodedTerms encoded(writer->length_codes(), stats.AverageLength(), stats.k1, stats.b);
  for (size_t i = 0; i < dictionary.terms.size(); ++i) {
    AddTerm(dictionary.terms[i], DfOf(i), encoded);
  }
  CHECK(writer->AddTerms(std::move(encoded)).ok());
  CHECK(writer->Finish(stats).ok());
  dictionary.shard = *ShardFile::Open(LocalFileSystem(), path);
  CHECK(LocalFileSystem().Remove(path).ok());
  return dictionary;
}

const Dictionary& SharedDictionary() {
  static const Dictionary dictionary = MakeDictionary();
  return dictionary;
}

// Terms in an order that no cache foresees.
std::vector<std::string> Shuffled(std::string_view suffix) {
  std::vector<std::string> terms = SharedDictionary().terms;
  std::shuffle(terms.begin(), terms.end(), std::mt19937(kSeed));
  terms.resize(1 << 18);
  for (std::string& term : terms) term += suffix;
  return terms;
}

void Find(benchmark::State& state, std::string_view suffix) {
  const ShardFile& shard = *SharedDictionary().shard;
  const std::vector<std::string> terms = Shuffled(suffix);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(shard.FindTerm(terms[next]));
    next = (next + 1) % terms.size();
  }
  uint64_t bytes = 0;
  for (const SectionId id :
       {SectionId::kDictionary, SectionId::kDictionaryKeys, SectionId::kDictionaryPlaces}) {
    bytes += shard.sections().Get(id).size();
  }
  state.counters["bytes_per_term"] =
      static_cast<double>(bytes) / static_cast<double>(shard.terms());
}
BENCHMARK_CAPTURE(Find, present, "");
BENCHMARK_CAPTURE(Find, absent, "!");

// Opens the postings of a term with about this df.
void OpenPostings(benchmark::State& state) {
  const Dictionary& dictionary = SharedDictionary();
  size_t term = 0;
  while (DfOf(term) != state.range(0)) ++term;
  const TermInfo info = **dictionary.shard->FindTerm(dictionary.terms[term]);
  for (auto _ : state) benchmark::DoNotOptimize(dictionary.shard->Postings(info));
}
BENCHMARK(OpenPostings)->Arg(1)->Arg(8)->Arg(30000);

}  // namespace
}  // namespace canopy
