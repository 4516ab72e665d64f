#include "root/top_k_bound.h"

#include <gtest/gtest.h>

#include <vector>

namespace canopy {
namespace {

v1::ShardAnswer AnswerWith(const std::vector<double>& scores) {
  v1::ShardAnswer answer;
  answer.set_state(v1::SHARD_STATE_COMPLETE);
  for (const double score : scores) answer.add_hits()->set_score(score);
  return answer;
}

TEST(TopKBound, TheKthScoreIsThatOfAllAnswersTogether) {
  const v1::ShardAnswer a = AnswerWith({5, 3, 1}), b = AnswerWith({4, 2});
  const std::vector<const v1::ShardAnswer*> answers = {&a, &b};
  EXPECT_EQ(KthScore(answers, 1), 5);
  EXPECT_EQ(KthScore(answers, 4), 2);
  EXPECT_EQ(KthScore(answers, 6), std::nullopt);
  EXPECT_EQ(KthScore(answers, 0), std::nullopt);
}

// A document of the same score may come first by its number.
TEST(TopKBound, ABoundMustBeBelowTheLastScore) {
  EXPECT_TRUE(CannotReach(1.9, 2));
  EXPECT_FALSE(CannotReach(2, 2));
}

TEST(TopKBound, WithTooFewHitsOnlyAShardWithoutMatchesCannotAddOne) {
  EXPECT_TRUE(CannotReach(-1, std::nullopt));
  EXPECT_FALSE(CannotReach(0, std::nullopt));
}

TEST(TopKBound, ExactnessNeedsABoundForEveryShardThatIsNotComplete) {
  const v1::ShardAnswer answer = AnswerWith({5});
  v1::ShardAnswer cut = AnswerWith({4});
  cut.set_state(v1::SHARD_STATE_TRUNCATED);
  std::vector<ShardResult> results(3);  // the third one is missing
  results[0].answer = &answer;
  results[1].answer = &cut;
  const std::vector<double> low = {9, 3, 3}, cut_may = {9, 5, 3}, missing_may = {9, 3, 5};
  EXPECT_TRUE(IsTopKExact(results, low, 5));
  EXPECT_FALSE(IsTopKExact(results, cut_may, 5));
  EXPECT_FALSE(IsTopKExact(results, missing_may, 5));
  EXPECT_FALSE(IsTopKExact(results, {}, 5));
}

}  // namespace
}  // namespace canopy
