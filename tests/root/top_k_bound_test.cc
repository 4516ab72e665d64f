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

TEST(TopKBound, TheKthHitIsThatOfAllAnswersTogether) {
  const v1::ShardAnswer a = AnswerWith({5, 3, 1}), b = AnswerWith({4, 2});
  const std::vector<const v1::ShardAnswer*> answers = {&a, &b};
  EXPECT_EQ(KthHit(answers, 1)->score(), 5);
  EXPECT_EQ(KthHit(answers, 4)->score(), 2);
  EXPECT_FALSE(KthHit(answers, 6).has_value());
  EXPECT_FALSE(KthHit(answers, 0).has_value());
}

TEST(TopKBound, OfEqualScoresTheSmallerDocumentIsBefore) {
  v1::ShardAnswer a = AnswerWith({5}), b = AnswerWith({5});
  a.mutable_hits(0)->set_doc(8);
  b.mutable_hits(0)->set_doc(3);
  EXPECT_EQ(KthHit(std::vector<const v1::ShardAnswer*>{&a, &b}, 2)->doc(), 8u);
}

v1::ShardHit HitOf(double score) {
  v1::ShardHit hit;
  hit.set_score(score);
  return hit;
}

TEST(TopKBound, AShardAllOfWhoseHitsAreAmongTheBestMayHaveMore) {
  v1::ShardAnswer answer = AnswerWith({5, 4});
  answer.mutable_total()->set_value(3);
  EXPECT_TRUE(MayHaveMore(answer, 2, 0, HitOf(3)));
  EXPECT_TRUE(MayHaveMore(answer, 2, 0, std::nullopt));
  EXPECT_FALSE(MayHaveMore(answer, 2, 0, HitOf(4.5)));
  EXPECT_FALSE(MayHaveMore(answer, 2, 0, answer.hits(1))) << "what follows it is not among them";
}

TEST(TopKBound, AShardMayHaveMoreThatWasAskedForHitsAboveWhatIsNowTheLast) {
  v1::ShardAnswer answer = AnswerWith({5});
  answer.mutable_total()->set_value(3);
  EXPECT_TRUE(MayHaveMore(answer, 9, 4.5, HitOf(4)));
  EXPECT_TRUE(MayHaveMore(answer, 9, 4.5, std::nullopt));
  EXPECT_FALSE(MayHaveMore(answer, 9, 4.5, HitOf(4.5)));
  EXPECT_FALSE(MayHaveMore(answer, 9, 0, HitOf(4)));
}

TEST(TopKBound, AShardThatHasNoMoreIsNotAskedAgain) {
  v1::ShardAnswer answer = AnswerWith({5, 4});
  answer.mutable_total()->set_value(2);
  EXPECT_FALSE(MayHaveMore(answer, 2, 0, HitOf(3))) << "it has two matches";
  answer.mutable_total()->set_relation(v1::Total::GTE);
  EXPECT_TRUE(MayHaveMore(answer, 2, 0, HitOf(3))) << "it has two matches at least";
  EXPECT_FALSE(MayHaveMore(answer, 3, 0, HitOf(3))) << "it would have given three";
  answer.set_state(v1::SHARD_STATE_TRUNCATED);
  EXPECT_FALSE(MayHaveMore(answer, 2, 0, HitOf(3))) << "what is missing is known to be";
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
