#include "leaf/fault_injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/rpc/function_backend.h"

namespace canopy {
namespace {

TEST(FaultOptionsTest, ADelayHasAShareAndATime) {
  FaultOptions options;
  ASSERT_TRUE(ParseDelay("1%:50ms", options).ok());
  EXPECT_DOUBLE_EQ(options.delay_share, 0.01);
  EXPECT_EQ(options.delay, absl::Milliseconds(50));
  EXPECT_FALSE(options.exponential);
  ASSERT_TRUE(ParseDelay("2%:1s:exp", options).ok());
  EXPECT_TRUE(options.exponential);
}

TEST(FaultOptionsTest, WhatIsNotADelayIsRefused) {
  for (const char* const text :
       {"", "1%", "50ms", "1%:", "1%:50ms:", "1%:50ms:uniform", "1%:50ms:exp:x"}) {
    FaultOptions options;
    EXPECT_EQ(ParseDelay(text, options).code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FaultGeneratorTest, TheSameSeedGivesTheSameFaults) {
  const FaultOptions options = {.delay_share = 0.5,
                                .delay = absl::Milliseconds(10),
                                .exponential = true,
                                .error_share = 0.5,
                                .seed = 7};
  FaultGenerator a(options), b(options);
  for (int i = 0; i < 100; ++i) {
    const Fault first = a.Next(), second = b.Next();
    EXPECT_EQ(first.delay, second.delay);
    EXPECT_EQ(first.error, second.error);
  }
}

TEST(FaultGeneratorTest, SharesAndMeansAreAsAsked) {
  constexpr int kCalls = 100'000;
  FaultGenerator faults({.delay_share = 0.1,
                         .delay = absl::Milliseconds(50),
                         .exponential = true,
                         .error_share = 0.01,
                         .seed = 1});
  int delays = 0, errors = 0;
  absl::Duration total;
  for (int i = 0; i < kCalls; ++i) {
    const Fault fault = faults.Next();
    delays += fault.delay > absl::ZeroDuration();
    errors += fault.error;
    total += fault.delay;
  }
  EXPECT_NEAR(delays, kCalls * 0.1, kCalls * 0.005);
  EXPECT_NEAR(errors, kCalls * 0.01, kCalls * 0.002);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(total) / delays, 50, 2);
}

class FaultyBackendTest : public ::testing::Test {
 protected:
  EventLoop loop_;
  FunctionBackend backend_;
};

TEST_F(FaultyBackendTest, WithoutFaultsSearchesPassAtOnce) {
  FaultyBackend faulty(loop_, backend_, {});
  Outcome<v1::SearchResponse> outcome;
  faulty.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  ASSERT_TRUE(outcome.arrived());
  EXPECT_TRUE(outcome.Wait().ok());
}

TEST_F(FaultyBackendTest, AnInjectedErrorIsUnavailable) {
  FaultyBackend faulty(loop_, backend_, {.error_share = 1});
  Outcome<v1::SearchResponse> outcome;
  faulty.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(FaultyBackendTest, ADelayedSearchComesLaterAndBlocksNobody) {
  FaultyBackend faulty(loop_, backend_, {.delay_share = 1, .delay = absl::Milliseconds(20)});
  const absl::Time begin = SteadyClock().Now();
  std::vector<Outcome<v1::SearchResponse>> outcomes(50);
  for (auto& outcome : outcomes) {
    faulty.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  }
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.Wait().ok());
  const absl::Duration took = SteadyClock().Now() - begin;
  EXPECT_GE(took, absl::Milliseconds(20));
  EXPECT_LT(took, absl::Milliseconds(20) * 50);  // they wait side by side
}

TEST_F(FaultyBackendTest, FetchesPassUnharmed) {
  FaultyBackend faulty(loop_, backend_,
                       {.delay_share = 1, .delay = absl::Hours(1), .error_share = 1});
  Outcome<v1::FetchResponse> outcome;
  faulty.Fetch(std::make_shared<v1::FetchRequest>(), WithTimeout(kLong), outcome.done());
  ASSERT_TRUE(outcome.arrived());
  EXPECT_TRUE(outcome.Wait().ok());
}

}  // namespace
}  // namespace canopy
