#include "indexer/progress_printer.h"

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(DescribeProgress, ReadingHasSpeedPartAndTimeLeft) {
  BuildProgress progress{.stage = BuildStage::kReading,
                         .done = 10'000'000,
                         .total = 40'000'000,
                         .docs = 1234,
                         .input_bytes = 30'000'000,
                         .elapsed = absl::Seconds(4)};
  EXPECT_EQ(DescribeProgress(progress), "reading: 1234 documents, 7.5 MB/s, 25 %, 12 s left");
  progress.total = 0;
  EXPECT_EQ(DescribeProgress(progress), "reading: 1234 documents, 7.5 MB/s");
}

TEST(DescribeProgress, OtherStagesHaveTheirPart) {
  BuildProgress progress{.stage = BuildStage::kVerifying, .done = 1, .total = 3, .docs = 12};
  EXPECT_EQ(DescribeProgress(progress), "verifying: 12 documents, 33 %");
  progress.stage = BuildStage::kFinishing;
  progress.total = 0;
  EXPECT_EQ(DescribeProgress(progress), "finishing: 12 documents");
}

TEST(DescribeProgress, NothingIsDividedByNothing) {
  EXPECT_EQ(DescribeProgress({}), "reading: 0 documents");
  EXPECT_EQ(DescribeProgress({.total = 5}), "reading: 0 documents, 0 %");
}

TEST(ProgressPrinter, OnATerminalAWarningHasALineOfItsOwn) {
  ::testing::internal::CaptureStderr();
  {
    ProgressPrinter printer(/*is_terminal=*/true);
    printer.Print({.docs = 7});
    printer.PrintBadRecord({.file = "a", .line = 1, .reason = "bad"});
    printer.Print({.docs = 8});
  }
  const std::string line = "reading: 7 documents";
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, StartsWith(Concat("\r", line, "\r", std::string(line.size(), ' '), "\r")));
  EXPECT_THAT(printed, HasSubstr("bad record skipped"));
  EXPECT_THAT(printed, ::testing::EndsWith("\n\rreading: 8 documents\n"));
}

TEST(ProgressPrinter, ElsewhereALineForEachStageIsLogged) {
  ::testing::internal::CaptureStderr();
  {
    ProgressPrinter printer(/*is_terminal=*/false);
    printer.Print({.docs = 7});
    printer.Print({.docs = 8, .elapsed = absl::Seconds(1)});
    printer.Print({.stage = BuildStage::kJoining, .docs = 9, .elapsed = absl::Seconds(2)});
  }
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, HasSubstr("7 documents"));
  EXPECT_THAT(printed, Not(HasSubstr("8 documents")));
  EXPECT_THAT(printed, HasSubstr("joining: 9 documents"));
}

}  // namespace
}  // namespace canopy
