#include "cli/drain_watch.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

v1::LeafStatus Status(uint64_t searches, uint64_t in_flight_cost) {
  v1::LeafStatus status;
  status.set_searches_total(searches);
  status.mutable_load()->set_in_flight_cost(in_flight_cost);
  return status;
}

const absl::Time kStart = absl::UnixEpoch();

TEST(DrainWatch, ALeafThatIsNotAskedForAWhileIsIdle) {
  DrainWatch watch;
  EXPECT_FALSE(watch.IsIdle(Status(7, 0), kStart));
  EXPECT_FALSE(watch.IsIdle(Status(7, 0), kStart + DrainWatch::kQuiet / 2));
  EXPECT_TRUE(watch.IsIdle(Status(7, 0), kStart + DrainWatch::kQuiet));
}

TEST(DrainWatch, ANewSearchBeginsTheWaitAgain) {
  DrainWatch watch;
  EXPECT_FALSE(watch.IsIdle(Status(7, 0), kStart));
  EXPECT_FALSE(watch.IsIdle(Status(8, 0), kStart + DrainWatch::kQuiet));
  EXPECT_TRUE(watch.IsIdle(Status(8, 0), kStart + 2 * DrainWatch::kQuiet));
}

TEST(DrainWatch, ASearchThatRunsIsWaitedFor) {
  DrainWatch watch;
  EXPECT_FALSE(watch.IsIdle(Status(7, 5), kStart));
  EXPECT_FALSE(watch.IsIdle(Status(7, 5), kStart + DrainWatch::kQuiet));
  EXPECT_TRUE(watch.IsIdle(Status(7, 0), kStart + 2 * DrainWatch::kQuiet));
}

}  // namespace
}  // namespace canopy
