// Speed of the analyzers in bytes of input a second, over generated text with words by Zipf's law
// (fixed seed): English-like ASCII, a mix of scripts written with spaces, and Chinese characters
// without.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

constexpr uint32_t kSeed = 42;
constexpr size_t kTextBytes = 4 << 20;
constexpr size_t kDocumentBytes = 2000;
constexpr size_t kVocabulary = 50000;

// An alphabet: `size` characters from `first` on, in UTF-8 of `bytes` bytes each.
struct Alphabet {
  char32_t first;
  int size;
};

void AppendUtf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xc0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xe0 | c >> 12));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  }
}

// Words of a script; in ASCII, some begin with a capital.
std::vector<std::string> MakeVocabulary(const Alphabet& alphabet, std::mt19937& random) {
  std::vector<std::string> words(kVocabulary);
  for (std::string& word : words) {
    const size_t length = 1 + std::poisson_distribution<size_t>(4.5)(random);
    for (size_t i = 0; i < length; ++i) {
      const char32_t c = alphabet.first + random() % static_cast<uint32_t>(alphabet.size);
      AppendUtf8(i == 0 && c < 0x80 && random() % 8 == 0 ? c - 32 : c, word);
    }
  }
  return words;
}

// Rank by Zipf's law with exponent 1 over the vocabulary.
size_t ZipfRank(std::mt19937& random) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  return static_cast<size_t>(std::pow(static_cast<double>(kVocabulary), u)) - 1;
}

// Documents of words of all the alphabets, with `separator` between words and some punctuation.
std::vector<std::string> MakeDocuments(const std::vector<Alphabet>& alphabets,
                                       std::string_view separator) {
  std::mt19937 random(kSeed);
  std::vector<std::vector<std::string>> vocabularies;
  for (const Alphabet& alphabet : alphabets) {
    vocabularies.push_back(MakeVocabulary(alphabet, random));
  }
  std::vector<std::string> documents;
  for (size_t total = 0; total < kTextBytes; total += documents.back().size()) {
    std::string& document = documents.emplace_back();
    while (document.size() < kDocumentBytes) {
      document += vocabularies[random() % vocabularies.size()][ZipfRank(random)];
      document += random() % 10 == 0 ? ", " : separator;
    }
  }
  return documents;
}

constexpr Alphabet kLatin = {U'a', 26};
constexpr Alphabet kGreek = {U'α', 24};
constexpr Alphabet kCyrillic = {U'а', 32};
constexpr Alphabet kAccented = {U'à', 22};
constexpr Alphabet kHan = {U'一', 2000};

void Analyze(benchmark::State& state, std::string_view analyzer_name,
             const std::vector<Alphabet>& alphabets, std::string_view separator) {
  const std::vector<std::string> documents = MakeDocuments(alphabets, separator);
  absl::StatusOr<std::unique_ptr<Analyzer>> analyzer = Analyzer::Create(analyzer_name);
  CHECK(analyzer.ok());
  int64_t bytes = 0;
  uint64_t terms = 0;
  for (auto _ : state) {
    for (const std::string& document : documents) {
      (*analyzer)->Analyze(document, [&terms](std::string_view term) {
        benchmark::DoNotOptimize(term.data());
        ++terms;
      });
      bytes += static_cast<int64_t>(document.size());
    }
  }
  state.SetBytesProcessed(bytes);
  state.counters["terms"] =
      benchmark::Counter(static_cast<double>(terms), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(Analyze, ascii_english, "ascii", {kLatin}, " ");
BENCHMARK_CAPTURE(Analyze, standard_english, "standard", {kLatin}, " ");
BENCHMARK_CAPTURE(Analyze, english_english, "english", {kLatin}, " ");
BENCHMARK_CAPTURE(Analyze, ascii_mixed, "ascii", {kLatin, kGreek, kCyrillic, kAccented}, " ");
BENCHMARK_CAPTURE(Analyze, standard_mixed, "standard", {kLatin, kGreek, kCyrillic, kAccented}, " ");
BENCHMARK_CAPTURE(Analyze, english_mixed, "english", {kLatin, kGreek, kCyrillic, kAccented}, " ");
BENCHMARK_CAPTURE(Analyze, standard_chinese, "standard", {kHan}, "");

}  // namespace
}  // namespace canopy
