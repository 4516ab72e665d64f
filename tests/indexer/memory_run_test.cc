// The in-memory inversion against a map of vectors.
#include "indexer/memory_run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "indexer/posting_stream.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using Postings = std::map<uint32_t, std::vector<uint32_t>>;  // positions by document

struct ModelTerm {
  Postings postings;
  std::map<uint32_t, uint64_t> field_dfs;
  friend bool operator==(const ModelTerm&, const ModelTerm&) = default;
};
using Model = std::map<std::string, ModelTerm>;

Postings Decode(std::string stream) {
  const size_t size = stream.size();
  stream.append(16, '\0');
  PostingStream reader(reinterpret_cast<const uint8_t*>(stream.data()), size);
  Postings postings;
  Posting posting;
  while (reader.Next(posting)) {
    std::vector<uint32_t>& positions = postings[posting.doc];
    uint32_t position = 0;
    for (const uint8_t* p = posting.positions; p != posting.positions_end;) {
      uint32_t delta;
      p = DecodeVarint32(p, delta);
      position += delta;
      positions.push_back(position);
    }
    EXPECT_EQ(positions.size(), posting.tf);
  }
  return postings;
}

// Terms in the run's order, and what it says about them.
std::vector<std::pair<std::string, ModelTerm>> Read(const MemoryRun& run) {
  std::vector<std::pair<std::string, ModelTerm>> terms;
  for (uint32_t i = 0; i < run.num_terms(); ++i) {
    std::string stream;
    run.AppendPostings(i, stream);
    FieldDfs dfs;
    run.AppendFieldDfs(i, dfs);
    EXPECT_EQ(run.prefix(i), TermPrefix(run.term(i)));
    terms.emplace_back(run.term(i), ModelTerm{Decode(stream), {dfs.begin(), dfs.end()}});
  }
  return terms;
}

struct Field {
  uint16_t number;
  std::vector<std::string> terms;
};

class MemoryRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto run = MemoryRun::Create();
    ASSERT_TRUE(run.ok()) << run.status();
    run_ = *std::move(run);
  }

  void Add(uint32_t doc, const std::vector<Field>& fields) {
    run_->BeginDocument(doc);
    uint32_t position = 0;
    for (const auto& [field, terms] : fields) {
      run_->BeginField(field);
      for (const std::string& term : terms) {
        run_->AddTerm(term);
        model_[term].postings[doc].push_back(position++);
      }
      std::vector<std::string> distinct = terms;
      std::sort(distinct.begin(), distinct.end());
      distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
      for (const std::string& term : distinct) ++model_[term].field_dfs[field];
    }
    EXPECT_EQ(run_->position(), position);
  }

  void SortAndCompare() {
    ASSERT_EQ(run_->Flush(), absl::OkStatus());
    run_->Sort();
    const auto found = Read(*run_);
    ASSERT_EQ(found.size(), model_.size());
    size_t i = 0;
    for (const auto& [term, expected] : model_) {
      EXPECT_EQ(found[i].first, term);
      EXPECT_TRUE(found[i].second == expected) << term;
      ++i;
    }
  }

  std::unique_ptr<MemoryRun> run_;
  Model model_;
};

TEST_F(MemoryRunTest, AnEmptyRunHasNoTerms) {
  EXPECT_TRUE(run_->empty());
  SortAndCompare();
}

TEST_F(MemoryRunTest, RandomDocumentsAreInvertedExactly) {
  std::mt19937 random(TestSeed(11));
  uint32_t doc = 0;
  for (int i = 0; i < 3000; ++i) {
    doc += 1 + random() % 300;
    std::vector<Field> fields;
    for (uint16_t field = 0; field < random() % 4; ++field) {
      fields.push_back({static_cast<uint16_t>(random() % 3 + 3 * field), {}});
      for (uint32_t n = random() % 40; n > 0; --n) {
        // Frequent terms and rare ones, so that streams have from one slice to many.
        const uint32_t number = random() % (1u << (random() % 17));
        fields.back().terms.push_back(Concat("t", number));
      }
    }
    Add(doc, fields);
  }
  SortAndCompare();
}

TEST_F(MemoryRunTest, TermsOfAllSizesAndBytesKeepTheirOrder) {
  std::mt19937 random(TestSeed(12));
  std::vector<std::string> terms;
  for (size_t size = 1; size <= 255; ++size) {
    for (int i = 0; i < 4; ++i) {
      std::string term(size, 'a');
      // Equal but for one byte, which may be 0 or above 127.
      term[random() % size] = static_cast<char>(random());
      terms.push_back(term);
    }
  }
  Add(1, {{0, terms}});
  Add(2, {{0, terms}});
  SortAndCompare();
}

TEST_F(MemoryRunTest, TermsThatShareAHashSlotStayApart) {
  // More terms than the first table has slots: it grows several times on the way.
  std::vector<std::string> terms;
  for (int i = 0; i < 50'000; ++i) terms.push_back(std::to_string(i));
  Add(0, {{0, terms}});
  Add(7, {{1, terms}});
  SortAndCompare();
}

TEST_F(MemoryRunTest, LargestDocumentNumbersAndDistantPositionsAreKept) {
  std::vector<std::string> terms(3'000'000, "filler");
  terms.front() = terms.back() = "rare";
  Add(0, {{0, {"rare"}}});
  Add(static_cast<uint32_t>(kMaxDocs), {{0, terms}});
  SortAndCompare();
}

TEST_F(MemoryRunTest, ManyFieldsOfATermAreCountedOneByOne) {
  for (uint32_t doc = 0; doc < 20; ++doc) {
    std::vector<Field> fields;
    for (uint16_t field = 0; field < 500; ++field) {
      if ((doc + field) % 3 != 0) fields.push_back({field, {"x", "x"}});
    }
    if (doc % 2 == 1) std::reverse(fields.begin(), fields.end());
    Add(doc, fields);
  }
  SortAndCompare();
}

TEST_F(MemoryRunTest, AClearedRunHoldsNoMoreThanANewOneAndBeginsAnew) {
  const size_t empty = run_->MemoryBytes();
  std::vector<std::string> terms;
  for (int i = 0; i < 20'000; ++i) terms.push_back(Concat("old", i));
  Add(5, {{2, terms}});
  SortAndCompare();
  run_->Clear();
  model_.clear();
  EXPECT_TRUE(run_->empty());
  EXPECT_EQ(run_->MemoryBytes(), empty);
  Add(6, {{0, {"new", "old3", "new"}}});
  SortAndCompare();
  Add(8, {{0, terms}});
  SortAndCompare();
}

TEST_F(MemoryRunTest, MemoryGrowsWithWhatIsHeld) {
  const size_t empty = run_->MemoryBytes();
  std::vector<std::string> terms;
  for (int i = 0; i < 100'000; ++i) terms.push_back(Concat("term", i));
  Add(0, {{0, terms}});
  ASSERT_EQ(run_->Flush(), absl::OkStatus());
  const size_t full = run_->MemoryBytes() - empty;
  // An entry of at least 48 bytes, a slot and a place in the sorted order each.
  EXPECT_GT(full, 100'000 * (48 + 8 + 16));
  EXPECT_LT(full, 100'000 * 200);
}

TEST_F(MemoryRunTest, LowerBoundFindsTheFirstTermNotBelow) {
  Add(0, {{0, {"b", "bb", "bbbbbbbb1", "bbbbbbbb2", "d"}}});
  ASSERT_EQ(run_->Flush(), absl::OkStatus());
  run_->Sort();
  EXPECT_EQ(run_->LowerBound(""), 0);
  EXPECT_EQ(run_->LowerBound("b"), 0);
  EXPECT_EQ(run_->LowerBound("ba"), 1);
  EXPECT_EQ(run_->LowerBound("bbbbbbbb"), 2);
  EXPECT_EQ(run_->LowerBound("bbbbbbbb2"), 3);
  EXPECT_EQ(run_->LowerBound("c"), 4);
  EXPECT_EQ(run_->LowerBound("e"), 5);
}

}  // namespace
}  // namespace canopy
