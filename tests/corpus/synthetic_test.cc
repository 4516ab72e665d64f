#include "corpus/synthetic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "tests/corpus/read_all.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

uint64_t Hash(const ReadResult& result) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  for (const Document& document : result.documents) {
    add(document.id);
    for (const auto& [name, value] : document.fields) {
      add(name);
      add(value);
    }
  }
  return hash;
}

size_t CountTerms(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                           [](char c) { return c == ' ' || c == '\n'; })) +
         1;
}

TEST(SyntheticTest, TheSameSeedGivesTheSameBytesOnEveryMachine) {
  // A constant: a compiler, a library or a processor that changes it breaks what benchmarks
  // compare.
  EXPECT_EQ(Hash(ReadAll("synthetic:docs=500,seed=7")), 16456953232867109901u);
  EXPECT_EQ(Hash(ReadAll("synthetic:docs=500,seed=8,vocabulary=3000000,exponent=1.3,spread=1.5")),
            4768316022260523966u);
}

TEST(SyntheticTest, ADocumentDoesNotDependOnHowManyThereAre) {
  const ReadResult few = ReadAll("synthetic:docs=10,seed=3");
  const ReadResult many = ReadAll("synthetic:docs=20,seed=3");
  ASSERT_EQ(many.documents.size(), 20u);
  for (size_t i = 0; i < few.documents.size(); ++i) {
    EXPECT_EQ(few.documents[i].id, Concat("d", i));
    EXPECT_EQ(few.documents[i].fields, many.documents[i].fields);
  }
}

TEST(SyntheticTest, LengthsAreLognormal) {
  const ReadResult result = ReadAll("synthetic:docs=4000,seed=5,length=50,spread=0.5");
  std::vector<double> logs;
  for (const Document& document : result.documents) {
    logs.push_back(std::log(static_cast<double>(CountTerms(document.fields.at(1).second)) - 0.5));
  }
  std::sort(logs.begin(), logs.end());
  EXPECT_NEAR(logs[logs.size() / 2], std::log(50.0), 0.05);
  EXPECT_NEAR((logs[logs.size() * 84134 / 100000] - logs[logs.size() * 15866 / 100000]) / 2, 0.5,
              0.04);
}

TEST(SyntheticTest, DrawsFollowZipfsLaw) {
  for (const double exponent : {0.0, 0.8, 1.0, 1.5}) {
    constexpr uint32_t kVocabulary = 1000;
    constexpr int kDraws = 1'000'000;
    const ZipfTable table(kVocabulary, exponent);
    std::mt19937_64 random(11);
    std::vector<double> count(kVocabulary);
    for (int i = 0; i < kDraws; ++i) ++count.at(table.Draw(random()));
    double sum = 0;
    for (uint32_t rank = 0; rank < kVocabulary; ++rank) sum += std::pow(rank + 1.0, -exponent);
    for (const uint32_t rank : {0, 1, 2, 10, 100, 999}) {
      const double expected = kDraws * std::pow(rank + 1.0, -exponent) / sum;
      EXPECT_NEAR(count[rank], expected, 5 * std::sqrt(expected) + 1)
          << "rank " << rank << " exponent " << exponent;
    }
  }
}

TEST(SyntheticTest, ATableOfOneDrawsIt) {
  const ZipfTable table(1, 1.0);
  EXPECT_EQ(table.Draw(0), 0u);
  EXPECT_EQ(table.Draw(~uint64_t{0}), 0u);
}

TEST(SyntheticTest, EveryRankHasATermOfItsOwn) {
  std::set<std::string> terms;
  for (uint32_t rank = 0; rank < 100'000; ++rank) {
    const std::string term = SyntheticTerm(rank);
    EXPECT_TRUE(std::all_of(term.begin(), term.end(), [](char c) { return c >= 'a' && c <= 'z'; }));
    EXPECT_TRUE(terms.insert(term).second) << term;
  }
  EXPECT_EQ(SyntheticTerm(0).size(), 2u);
}

TEST(SyntheticTest, SettingsAreReadAndChecked) {
  const SyntheticOptions options =
      ParseSyntheticSpec("synthetic:docs=5,seed=9,vocabulary=10,exponent=0.5,length=3,spread=0")
          .value();
  EXPECT_EQ(options.docs, 5u);
  EXPECT_EQ(options.seed, 9u);
  EXPECT_EQ(options.vocabulary, 10u);
  EXPECT_EQ(options.exponent, 0.5);
  EXPECT_EQ(options.length, 3);
  EXPECT_EQ(options.spread, 0);
  for (const std::string bad :
       {"", "docs", "docs=", "docs=0", "docs=-1", "docs=1x", "seed=1", "docs=1,vocabulary=0",
        "docs=1,vocabulary=16777217", "docs=1,exponent=5", "docs=1,exponent=nan", "docs=1,length=0",
        "docs=1,spread=inf", "docs=1,colour=red"}) {
    const absl::Status status = ReadAll("synthetic:" + bad).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(Message(status), HasSubstr("synthetic:"));
  }
}

}  // namespace
}  // namespace canopy
