#include "rpc/grpc_convert.h"

#include <gtest/gtest.h>

#include <string>

#include "base/clock.h"

namespace canopy {
namespace {

TEST(GrpcConvertTest, AStatusOfEveryCodeSurvivesTheRoundTrip) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what went wrong");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status) << code;
  }
}

TEST(GrpcConvertTest, AnErrorWithoutAMessageSaysItsCode) {
  EXPECT_EQ(FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "")),
            absl::UnavailableError("UNAVAILABLE"));
}

TEST(GrpcConvertTest, ALongMessageIsCutSoThatItFitsIntoAHeader) {
  const absl::Status status = absl::InternalError(std::string(100'000, 'x'));
  EXPECT_EQ(ToGrpc(status).error_message(), std::string(kMaxStatusMessageBytes, 'x') + "...");
}

TEST(GrpcConvertTest, ALongMessageIsCutBetweenCodePoints) {
  std::string text;
  while (text.size() <= kMaxStatusMessageBytes) text += "\xE2\x82\xAC";  // the euro sign, 3 bytes
  const std::string cut = ToGrpc(absl::InternalError(text)).error_message();
  EXPECT_EQ(cut, text.substr(0, kMaxStatusMessageBytes / 3 * 3) + "...");
}

TEST(GrpcConvertTest, ADeadlineSurvivesTheRoundTrip) {
  const absl::Time deadline = SteadyClock().Now() + absl::Seconds(100);
  const absl::Time back = FromGrpc(ToGrpc(deadline, SteadyClock()), SteadyClock());
  EXPECT_LT(absl::AbsDuration(back - deadline), absl::Seconds(1));
}

TEST(GrpcConvertTest, NoDeadlineIsTheInfiniteFuture) {
  const gpr_timespec none = ToGrpc(absl::InfiniteFuture(), SteadyClock());
  EXPECT_EQ(FromGrpc(none, SteadyClock()), absl::InfiniteFuture());
}

}  // namespace
}  // namespace canopy
