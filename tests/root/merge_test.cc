#include "root/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

std::vector<DocId> Docs(const MergedHits& merged) {
  std::vector<DocId> docs;
  for (const v1::ShardHit& hit : merged.hits) docs.push_back(hit.doc());
  return docs;
}

v1::ShardAnswer Answer(ShardId shard, const std::vector<std::pair<DocId, double>>& hits) {
  v1::ShardAnswer answer;
  answer.set_shard(shard);
  answer.mutable_total()->set_value(hits.size());
  for (const auto& [doc, score] : hits) {
    v1::ShardHit& hit = *answer.add_hits();
    hit.set_doc(doc);
    hit.set_score(score);
  }
  return answer;
}

TEST(MergeAnswers, OrdersByScoreThenByDocument) {
  const v1::ShardAnswer even = Answer(0, {{4, 2}, {0, 1}, {2, 1}});
  const v1::ShardAnswer odd = Answer(1, {{5, 3}, {1, 1}, {3, 0.5}});
  const MergedHits merged = MergeAnswers({&even, &odd}, 0, 10);
  EXPECT_EQ(Docs(merged), (std::vector<DocId>{5, 4, 0, 1, 2, 3}));
  EXPECT_EQ(merged.total, 6u);
  EXPECT_TRUE(merged.total_is_exact);
}

TEST(MergeAnswers, CutsAtOffsetAndK) {
  const v1::ShardAnswer even = Answer(0, {{4, 2}, {0, 1}, {2, 1}});
  const v1::ShardAnswer odd = Answer(1, {{5, 3}, {1, 1}, {3, 0.5}});
  EXPECT_EQ(Docs(MergeAnswers({&even, &odd}, 1, 3)), (std::vector<DocId>{4, 0, 1}));
  EXPECT_EQ(Docs(MergeAnswers({&even, &odd}, 5, 3)), (std::vector<DocId>{3}));
  EXPECT_TRUE(MergeAnswers({&even, &odd}, 6, 3).hits.empty());
  EXPECT_TRUE(MergeAnswers({&even, &odd}, 0, 0).hits.empty());
}

TEST(MergeAnswers, SkipsShardsThatDidNotAnswer) {
  const v1::ShardAnswer odd = Answer(1, {{5, 3}});
  const MergedHits merged = MergeAnswers({nullptr, &odd, nullptr}, 0, 10);
  EXPECT_EQ(Docs(merged), (std::vector<DocId>{5}));
  EXPECT_EQ(merged.total, 1u);
  EXPECT_TRUE(MergeAnswers({nullptr, nullptr}, 0, 10).hits.empty());
}

TEST(MergeAnswers, ATotalIsALowerBoundWhenOneOfThemIs) {
  const v1::ShardAnswer exact = Answer(0, {{4, 2}});
  v1::ShardAnswer bound = Answer(1, {{5, 3}});
  bound.mutable_total()->set_relation(v1::Total::GTE);
  EXPECT_FALSE(MergeAnswers({&exact, &bound}, 0, 10).total_is_exact);
}

// However a corpus is cut into shards, the merged list is that of one shard, bit for bit.
TEST(MergeAnswers, GivesTheSameForEveryNumberOfShards) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const uint32_t k = 1 + seed % 20, offset = seed % 7;
    std::string expected;
    for (uint32_t shards : {1, 2, 3, 8, 64}) {
      const FakeCollection collection({.seed = seed, .docs = 60, .shards = shards});
      std::vector<v1::ShardAnswer> answers;
      for (ShardId shard = 0; shard < shards; ++shard) {
        answers.push_back(collection.Answer(shard, k + offset));
      }
      std::vector<const v1::ShardAnswer*> pointers;
      for (const v1::ShardAnswer& answer : answers) pointers.push_back(&answer);
      const MergedHits merged = MergeAnswers(pointers, offset, k);
      std::string bytes = std::to_string(merged.total);
      for (const v1::ShardHit& hit : merged.hits) bytes += hit.SerializeAsString();
      if (shards == 1) expected = bytes;
      EXPECT_EQ(bytes, expected) << "seed " << seed << ", shards " << shards;
    }
  }
}

TEST(CheckShardAnswer, TakesWhatALeafAnswers) {
  const FakeCollection collection({.docs = 41, .shards = 4});
  for (ShardId shard = 0; shard < 4; ++shard) {
    for (uint32_t k : {0, 1, 5, 100}) {
      EXPECT_TRUE(
          CheckShardAnswer(collection.Answer(shard, k),
                           {.docs_in_shard = shard == 0 ? 11u : 10u, .num_shards = 4, .k = k})
              .ok());
    }
  }
}

TEST(CheckShardAnswer, NamesWhatIsWrong) {
  const FakeCollection collection({.docs = 40, .shards = 4});
  const auto check = [&](std::function<void(v1::ShardAnswer&)> spoil) {
    v1::ShardAnswer answer = collection.Answer(1, 5);
    spoil(answer);
    const absl::Status status =
        CheckShardAnswer(answer, {.docs_in_shard = 10, .num_shards = 4, .k = 5});
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    return std::string(status.message());
  };
  using A = v1::ShardAnswer;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(check([](A& a) { a.set_state(v1::SHARD_STATE_UNSPECIFIED); }), HasSubstr("state 0"));
  EXPECT_THAT(check([](A& a) { a.set_docs_covered(9); }), HasSubstr("9 of 10 documents"));
  EXPECT_THAT(check([](A& a) { a.set_docs_total(11); }), HasSubstr("the shard has 10"));
  EXPECT_THAT(check([](A& a) { a.mutable_total()->set_value(11); }), HasSubstr("11 matches"));
  EXPECT_THAT(check([](A& a) { a.mutable_total()->set_value(4); }), HasSubstr("of 4 matches"));
  EXPECT_THAT(check([](A& a) { a.mutable_hits()->RemoveLast(); }), HasSubstr("only 4 hits"));
  EXPECT_THAT(check([](A& a) { *a.add_hits() = a.hits(4); }), HasSubstr("6 hits (5 asked for)"));
  EXPECT_THAT(check([](A& a) { a.mutable_hits(0)->set_doc(2); }), HasSubstr("is of shard 2"));
  EXPECT_THAT(check([](A& a) { a.mutable_hits(4)->set_score(99); }), HasSubstr("out of order"));
  EXPECT_THAT(check([](A& a) { *a.mutable_hits(4) = a.hits(3); }), HasSubstr("out of order"));
  EXPECT_THAT(check([&](A& a) { a.mutable_hits(0)->set_score(nan); }), HasSubstr("score nan"));
  EXPECT_THAT(check([](A& a) { a.mutable_hits(4)->set_score(-1); }), HasSubstr("score -1"));
}

}  // namespace
}  // namespace canopy
