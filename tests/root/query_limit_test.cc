#include "root/query_limit.h"

#include <gtest/gtest.h>

#include <deque>

namespace canopy {
namespace {

using Outcome = QueryLimit::Outcome;

absl::Time At(int milliseconds) { return absl::UnixEpoch() + absl::Milliseconds(milliseconds); }

// How many queries are let in, one after the other.
int LetIn(QueryLimit& limit, absl::Time now, size_t priority = 1, int most = 1000) {
  int count = 0;
  while (count < most && limit.Begin(priority, now).ok()) ++count;
  return count;
}

void EndAll(QueryLimit& limit, int count, absl::Time begun, Outcome outcome, absl::Time now,
            size_t priority = 1) {
  for (int i = 0; i < count; ++i) limit.End(priority, begun, outcome, now);
}

TEST(QueryLimit, ThereIsNoneUntilALeafHasRefused) {
  QueryLimit limit;
  EXPECT_EQ(LetIn(limit, At(0)), 1000);
  EndAll(limit, 500, At(0), Outcome::kServed, At(1));
  EndAll(limit, 500, At(0), Outcome::kOther, At(1));
  EXPECT_EQ(LetIn(limit, At(1)), 1000);
}

TEST(QueryLimit, ARefusalLowersItBelowWhatIsInFlight) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 20);
  limit.End(1, At(0), Outcome::kRefusedByLeaves, At(1));
  const absl::Status refused = limit.Begin(1, At(1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "overload: leaves refuse queries of this priority, 19 of it or a higher one are in "
            "flight, the limit that was found is 18");
  EndAll(limit, 2, At(0), Outcome::kOther, At(2));
  EXPECT_EQ(LetIn(limit, At(2)), 1) << "18 after 17";
}

TEST(QueryLimit, RefusalsOfOneMomentLowerItOnce) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 20);
  EndAll(limit, 20, At(0), Outcome::kRefusedByLeaves, At(1));
  EXPECT_EQ(LetIn(limit, At(2)), 18);
  limit.End(1, At(2), Outcome::kRefusedByLeaves, At(3));
  limit.End(1, At(2), Outcome::kOther, At(3));
  EXPECT_EQ(LetIn(limit, At(3)), 1)
      << "17 after 16: a query that began under the limit was refused";
}

TEST(QueryLimit, NeverFallsBelowOne) {
  QueryLimit limit;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(limit.Begin(1, At(i)).ok());
    limit.End(1, At(i), Outcome::kRefusedByLeaves, At(i));
  }
  EXPECT_EQ(LetIn(limit, At(50)), 1);
}

TEST(QueryLimit, GrowsByOneForARoundOfAnswersWhileItIsReached) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 11);
  EndAll(limit, 11, At(0), Outcome::kRefusedByLeaves, At(0));
  ASSERT_EQ(LetIn(limit, At(1)), 10);  // of 9.9
  for (int i = 0; i < 10; ++i) {
    limit.End(1, At(1), Outcome::kServed, At(2));
    ASSERT_TRUE(limit.Begin(1, At(2)).ok());
  }
  EXPECT_EQ(LetIn(limit, At(2)), 1);
}

TEST(QueryLimit, StaysWhereItIsWhileItIsNotReached) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 11);
  EndAll(limit, 11, At(0), Outcome::kRefusedByLeaves, At(0));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(limit.Begin(1, At(1)).ok());
    limit.End(1, At(1), Outcome::kServed, At(1));
  }
  EXPECT_EQ(LetIn(limit, At(2)), 10);
}

TEST(QueryLimit, IsForgottenWhenLeavesHaveNotRefusedForAWhile) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 11);
  EndAll(limit, 11, At(0), Outcome::kRefusedByLeaves, At(0));
  EXPECT_EQ(LetIn(limit, At(1000)), 10);
  EXPECT_EQ(LetIn(limit, At(1001)), 1000);
}

TEST(QueryLimit, LowerPrioritiesDoNotStandInTheWayOfHigherOnes) {
  QueryLimit limit;
  LetIn(limit, At(0), 1, 10);
  limit.End(1, At(0), Outcome::kRefusedByLeaves, At(0));  // 9 in flight, limit 9
  LetIn(limit, At(1), 2, 5);
  EndAll(limit, 2, At(0), Outcome::kOther, At(1));
  EXPECT_EQ(LetIn(limit, At(1)), 2);
}

TEST(QueryLimit, HigherPrioritiesCountForLowerOnes) {
  QueryLimit limit;
  LetIn(limit, At(0), 3, 10);
  limit.End(3, At(0), Outcome::kRefusedByLeaves, At(0));  // 9 in flight, limit 9
  EndAll(limit, 9, At(0), Outcome::kOther, At(0), 3);
  LetIn(limit, At(1), 0, 7);
  EXPECT_EQ(LetIn(limit, At(1), 3), 2);
}

// A server of 10 a millisecond, which refuses when more than 30 wait, and 100 that come every one.
TEST(QueryLimit, KeepsAServerBusyUnderTenTimesItsCapacityAndAlmostAllOthersAwayFromIt) {
  QueryLimit limit;
  std::deque<absl::Time> waiting;
  int served = 0, refused_by_server = 0, refused_at_once = 0;
  for (int ms = 0; ms < 2000; ++ms) {
    for (int i = 0; i < 100; ++i) {
      if (!limit.Begin(1, At(ms)).ok()) {
        ++refused_at_once;
      } else if (waiting.size() < 30) {
        waiting.push_back(At(ms));
      } else {
        ++refused_by_server;
        limit.End(1, At(ms), Outcome::kRefusedByLeaves, At(ms));
      }
    }
    for (int i = 0; i < 10 && !waiting.empty(); ++i) {
      limit.End(1, waiting.front(), Outcome::kServed, At(ms + 1));
      waiting.pop_front();
      ++served;
    }
  }
  EXPECT_GE(served, 19'900);
  EXPECT_LE(refused_by_server, 2'000) << "of 180,000";
  EXPECT_GE(refused_at_once, 170'000);
}

}  // namespace
}  // namespace canopy
