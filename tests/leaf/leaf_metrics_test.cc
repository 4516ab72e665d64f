#include "leaf/leaf_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "base/clock.h"
#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const LeafCounters& counters, const v1::LeafStatus& status = {}) {
  return prometheus::TextSerializer().Serialize(LeafMetrics(counters, status));
}

v1::SearchResponse ReplyOf(std::initializer_list<v1::ShardState> states) {
  v1::SearchResponse reply;
  for (const v1::ShardState state : states) reply.add_shard_answers()->set_state(state);
  return reply;
}

TEST(LeafMetrics, TellsSearchesByOutcomeAndPriority) {
  LeafCounters counters;
  counters.CountReply(ReplyOf({v1::SHARD_STATE_COMPLETE}), v1::PRIORITY_SHEDDABLE);
  counters.CountReply(ReplyOf({v1::SHARD_STATE_COMPLETE, v1::SHARD_STATE_MISSING}),
                      v1::PRIORITY_CRITICAL_PLUS);
  counters.CountReply(absl::CancelledError(), v1::PRIORITY_UNSPECIFIED);
  counters.CountReply(absl::DeadlineExceededError(""), v1::PRIORITY_CRITICAL);
  counters.CountReply(absl::DataLossError(""), static_cast<v1::Priority>(77));
  const std::string text = Text(counters);
  for (const char* const line :
       {R"({outcome="ok",priority="sheddable"})", R"({outcome="partial",priority="critical_plus"})",
        R"({outcome="cancelled",priority="critical"})",
        R"({outcome="deadline_exceeded",priority="critical"})",
        R"({outcome="error",priority="critical"})"}) {
    EXPECT_THAT(text, HasSubstr(Concat("canopy_leaf_searches_total", line, " 1\n")));
  }
}

TEST(LeafMetrics, TellsWastedWorkByReason) {
  LeafCounters counters;
  Cancellation gone(SteadyClock(), absl::InfiniteFuture());
  gone.Cancel();
  const Cancellation late(SteadyClock(), absl::InfinitePast());
  const Cancellation waiting(SteadyClock(), absl::InfiniteFuture());
  counters.CountCpu(absl::Seconds(1), gone);
  counters.CountCpu(absl::Seconds(2), late);
  counters.CountCpu(absl::Seconds(4), waiting);
  EXPECT_THAT(Text(counters),
              AllOf(HasSubstr("canopy_leaf_cpu_seconds_total 7\n"),
                    HasSubstr("canopy_leaf_wasted_work_seconds_total{reason=\"cancelled\"} 1\n"),
                    HasSubstr("canopy_leaf_wasted_work_seconds_total{reason=\"deadline\"} 2\n")));
}

TEST(LeafMetrics, NamesTheGenerationOnceThereIsOne) {
  const LeafCounters counters;
  EXPECT_THAT(Text(counters), AllOf(HasSubstr("canopy_leaf_ready 0\n"),
                                    Not(HasSubstr("canopy_leaf_generation_info"))));
  v1::LeafStatus status;
  status.set_ready(true);
  status.set_reload_error("damaged");
  status.mutable_collection()->set_generation(12);
  status.mutable_collection()->set_analyzer("english");
  status.add_shards(3);
  EXPECT_THAT(Text(counters, status),
              AllOf(HasSubstr("canopy_leaf_ready 1\n"), HasSubstr("canopy_leaf_reload_failed 1\n"),
                    HasSubstr("generation=\"12\",analyzer=\"english\""),
                    HasSubstr("canopy_leaf_shards 1\n")));
}

}  // namespace
}  // namespace canopy
