// What a search says that it costs: the postings of its terms.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"

namespace canopy {
namespace {

constexpr size_t kDocs = 3000;

// All of 3,000 documents have "all", every second one "half", every third one "third".
class SearchCostTest : public ::testing::Test {
 protected:
  static std::vector<OracleDoc> Docs() {
    std::vector<OracleDoc> docs;
    for (size_t i = 0; i < kDocs; ++i) {
      std::vector<std::string> text = {"all"};
      if (i % 2 == 0) text.emplace_back("half");
      if (i % 3 == 0) text.emplace_back("third");
      docs.push_back({{{"text", std::move(text)}}});
    }
    return docs;
  }

  uint64_t Cost(const ShardQuery& query, SearchOptions options = {}) const {
    const auto result = SearchShard(index_.shard(0), query, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->cost : 0;
  }

  const SearchIndex index_{Docs(), /*num_shards=*/1};
  const ShardQuery all_ = ShardQuery::Term("all"), half_ = ShardQuery::Term("half"),
                   none_ = ShardQuery::Term("none");
};

TEST_F(SearchCostTest, ATermCostsItsPostings) {
  EXPECT_EQ(Cost(half_), kDocs / 2);
  EXPECT_EQ(Cost(half_, {.k = 0}), kDocs / 2);
  EXPECT_EQ(Cost(none_), 0u);
}

TEST_F(SearchCostTest, UnionsAndIntersectionsCostThePostingsOfAllTerms) {
  EXPECT_EQ(Cost(ShardQuery::AnyOf({all_, half_, none_})), kDocs + kDocs / 2);
  EXPECT_EQ(Cost(ShardQuery::AllOf({all_, half_})), kDocs + kDocs / 2);
}

TEST_F(SearchCostTest, APhraseCostsThePostingsOfItsTerms) {
  EXPECT_EQ(Cost(ShardQuery::Phrase({"all", "half", "third"})), kDocs + kDocs / 2 + kDocs / 3);
}

TEST_F(SearchCostTest, AQueryOfAnyShapeCostsAllThatIsInIt) {
  const ShardQuery inner = ShardQuery::AllOf({half_, ShardQuery::Phrase({"half", "third"})});
  EXPECT_EQ(Cost(ShardQuery::AnyOf({inner, all_})), kDocs / 2 + kDocs / 2 + kDocs / 3 + kDocs);
  EXPECT_EQ(Cost(ShardQuery::MatchAll()), kDocs);
}

TEST_F(SearchCostTest, BothStrategiesSayTheSame) {
  const ShardQuery query = ShardQuery::AnyOf({all_, half_});
  EXPECT_EQ(Cost(query, {.strategy = SearchStrategy::kExhaustive}), Cost(query));
}

}  // namespace
}  // namespace canopy
