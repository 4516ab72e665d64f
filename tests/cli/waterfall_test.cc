#include "cli/waterfall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Call {
  std::vector<uint32_t> shards = {0};
  uint64_t sent_us = 0;
  uint64_t duration_us = 0;
  uint64_t queue_us = 0;
  uint64_t execution_us = 0;
  v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_WON;
  std::string address = "10.0.0.1:7001";
  std::string reason = {};
};

void Add(const Call& call, v1::SearchResponse& response) {
  v1::Attempt& attempt = *response.add_attempts();
  attempt.mutable_shards()->Add(call.shards.begin(), call.shards.end());
  attempt.set_sent_us(call.sent_us);
  attempt.set_duration_us(call.duration_us);
  attempt.set_queue_us(call.queue_us);
  attempt.set_execution_us(call.execution_us);
  attempt.set_kind(call.kind);
  attempt.set_outcome(call.outcome);
  attempt.set_address(call.address);
  attempt.set_reason(call.reason);
}

v1::SearchResponse Calls(const std::vector<Call>& calls) {
  v1::SearchResponse response;
  for (const Call& call : calls) Add(call, response);
  return response;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  lines.pop_back();
  return lines;
}

// What stands between the edges, a line each.
std::vector<std::string> Bars(const std::string& text) {
  std::vector<std::string> bars;
  for (const std::string& line : Lines(text)) {
    const size_t from = line.find('|'), to = line.rfind('|');
    if (from != to) bars.push_back(line.substr(from + 1, to - from - 1));
  }
  return bars;
}

// The width with which the bars of calls like the default one have ten cells.
constexpr TerminalShape kTenCells = {.width = 10};

TEST(AttemptsWaterfall, DrawsEachCallFromItsStartToItsEnd) {
  const auto response = Calls({{.duration_us = 1000, .queue_us = 200, .execution_us = 600},
                               {.sent_us = 500, .duration_us = 500, .execution_us = 500}});
  EXPECT_THAT(Bars(AttemptsWaterfall(response, kTenCells)),
              ElementsAre("-..######-", "     #####"));
}

TEST(AttemptsWaterfall, DrawsBlocksWhereTheTerminalShowsThem) {
  const auto response = Calls({{.duration_us = 1000, .queue_us = 200, .execution_us = 600}});
  EXPECT_THAT(Bars(AttemptsWaterfall(response, {.width = 10, .unicode = true})),
              ElementsAre("─░░██████─"));
}

TEST(AttemptsWaterfall, ACallTooShortForACellIsSeenAllTheSame) {
  const auto response = Calls({{.duration_us = 100000, .execution_us = 100000},
                               {.sent_us = 99999, .duration_us = 1, .execution_us = 1}});
  EXPECT_THAT(Bars(AttemptsWaterfall(response, kTenCells)),
              ElementsAre("##########", "         #"));
}

TEST(AttemptsWaterfall, FiguresOfALeafNeverExceedTheCall) {
  const auto response = Calls({{.duration_us = 1000, .queue_us = 300, .execution_us = 1u << 30}});
  EXPECT_THAT(Bars(AttemptsWaterfall(response, kTenCells)), ElementsAre("...#######"));
}

TEST(AttemptsWaterfall, SaysWhoWasAskedForWhatAndWhatCameOfIt) {
  const std::string text = AttemptsWaterfall(
      Calls({{.shards = {0, 1, 2, 3, 7}, .duration_us = 1500, .kind = v1::ATTEMPT_KIND_HEDGE}}),
      {});
  EXPECT_THAT(text, HasSubstr("  0-3,7  r0 10.0.0.1:7001  hedge |"));
  EXPECT_THAT(text, HasSubstr("|   1.50 ms  won\n"));
}

TEST(AttemptsWaterfall, ListsEveryReasonOnceAndWithoutEscapes) {
  const Call failed = {.duration_us = 5,
                       .outcome = v1::ATTEMPT_OUTCOME_ERROR,
                       .address = "a\x1b[2J:1",
                       .reason = "unavailable: \x1b]0;gone"};
  const std::string text = AttemptsWaterfall(Calls({failed, failed}), {});
  EXPECT_THAT(text, HasSubstr("error [1]\n"));
  EXPECT_THAT(text, HasSubstr("\n  [1] unavailable: ]0;gone\n"));
  EXPECT_THAT(text, Not(HasSubstr("[2]")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(AttemptsWaterfall, FitsIntoTheWidth) {
  Call wide = {.duration_us = 123456,
               .kind = v1::ATTEMPT_KIND_FETCH_RETRY,
               .outcome = v1::ATTEMPT_OUTCOME_CANCELLED,
               .address = "[2001:db8:1234:5678::1]:65535",
               .reason = "why"};
  for (uint32_t shard = 0; shard < 40; shard += 2) wide.shards.push_back(shard);
  for (const size_t width : {80, 100, 200}) {
    for (const bool unicode : {false, true}) {
      const auto lines = Lines(AttemptsWaterfall(Calls({wide}), {width, unicode}));
      EXPECT_LE(CountCodePoints(lines[1]), width) << lines[1];
      EXPECT_THAT(lines[1], HasSubstr(":65535"));
    }
  }
}

TEST(AttemptsWaterfall, ShowsAllOfSixtyFour) {
  const std::vector<Call> calls(64, {.duration_us = 10});
  EXPECT_EQ(Bars(AttemptsWaterfall(Calls(calls), {})).size(), 64u);
}

TEST(AttemptsWaterfall, OfMoreShowsTheSlowestAndCountsTheRest) {
  std::vector<Call> calls;
  for (uint64_t i = 1; i <= 300; ++i) {
    calls.push_back({.sent_us = 300 - i, .duration_us = i});
    if (i <= 3) calls.back().outcome = v1::ATTEMPT_OUTCOME_CANCELLED;
  }
  const std::string text = AttemptsWaterfall(Calls(calls), {});
  const auto lines = Lines(text);
  EXPECT_EQ(Bars(text).size(), 20u);
  EXPECT_THAT(lines[1], HasSubstr("300 us"));  // in the order of their starts
  EXPECT_THAT(lines[20], HasSubstr("281 us"));
  EXPECT_THAT(text, HasSubstr("\n  and 280 more, none longer than 280 us: 3 cancelled, 277 won\n"));
}

TEST(AttemptsWaterfall, OfNoCallsIsAHeading) {
  EXPECT_EQ(Lines(AttemptsWaterfall({}, {})).size(), 1u);
}

TEST(LedgerBars, LaysThePartsOneAfterAnother) {
  v1::Ledger ledger;
  ledger.set_total_us(1000);
  ledger.set_parse_us(100);
  ledger.set_wait_for_slowest_us(500);
  ledger.set_fetch_us(400);
  EXPECT_EQ(LedgerBars(ledger, {.width = 50}),
            "where the time went, of 1.00 ms in all\n"
            "  parse               100 us   10.0 %  #\n"
            "  wait for slowest    500 us   50.0 %   #####\n"
            "  fetch               400 us   40.0 %        ####\n");
}

TEST(LedgerBars, OfNothingIsAHeading) {
  EXPECT_EQ(LedgerBars({}, {}), "where the time went, of 0 us in all\n");
}

TEST(ShapeOf, WhatIsNoTerminalIsEightyWideAndPlain) {
  EXPECT_EQ(ShapeOf(-1).width, 80u);
  EXPECT_FALSE(ShapeOf(-1).unicode);
}

}  // namespace
}  // namespace canopy
