#include "base/log.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

const absl::Time kTime = absl::FromUnixMillis(1700000000123);

std::string Line(LogFormat format, std::string_view message, LogFields fields) {
  return FormatLogLine({.program = "canopy-leaf", .format = format}, LogLevel::kInfo, kTime,
                       message, fields);
}

TEST(Log, ATextLineHasTimeLevelProgramMessageAndFields) {
  EXPECT_EQ(Line(LogFormat::kText, "leaf ready",
                 {{"generation", 3}, {"ready", true}, {"took", absl::Milliseconds(5)}}),
            "2023-11-14T22:13:20.123Z info canopy-leaf: leaf ready generation=3 ready=true "
            "took=5ms");
}

TEST(Log, TextValuesThatAreNotOneWordAreQuotedAndEscaped) {
  EXPECT_THAT(Line(LogFormat::kText, "m", {{"a", "two words"}}), HasSubstr(" a=\"two words\""));
  EXPECT_THAT(Line(LogFormat::kText, "m", {{"a", ""}}), HasSubstr(" a=\"\""));
  EXPECT_THAT(Line(LogFormat::kText, "m", {{"a", "x\ny\"z"}}), HasSubstr(" a=\"x\\ny\\\"z\""));
  EXPECT_THAT(Line(LogFormat::kText, "m", {{"a", "grün"}}), HasSubstr(" a=grün"));
}

TEST(Log, AJsonLineKeepsNumbersAndBooleans) {
  const std::string line = Line(LogFormat::kJson, "leaf ready",
                                {{"generation", uint64_t{18446744073709551615u}},
                                 {"delta", -1},
                                 {"share", 0.5},
                                 {"ready", false},
                                 {"path", "a \"b\"\n"},
                                 {"status", absl::NotFoundError("no shard")}});
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["program"], "canopy-leaf");
  EXPECT_EQ(json["message"], "leaf ready");
  EXPECT_EQ(json["generation"], 18446744073709551615u);
  EXPECT_EQ(json["delta"], -1);
  EXPECT_EQ(json["share"], 0.5);
  EXPECT_EQ(json["ready"], false);
  EXPECT_EQ(json["path"], "a \"b\"\n");
  EXPECT_EQ(json["status"], "NOT_FOUND: no shard");
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(Log, InvalidUtf8DoesNotBreakALine) {
  const auto json = nlohmann::json::parse(Line(LogFormat::kJson, "m", {{"a", "x\xff"}}));
  EXPECT_EQ(json["a"], "x\xef\xbf\xbd");
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  ConfigureLogging({.program = "p", .level = LogLevel::kWarning});
  ::testing::internal::CaptureStderr();
  LogDebug("one");
  LogInfo("two");
  LogWarning("three");
  LogError("four");
  const std::string written = ::testing::internal::GetCapturedStderr();
  ConfigureLogging({});
  const std::vector<std::string> lines = absl::StrSplit(written, '\n');
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr(" warning p: three"));
  EXPECT_THAT(lines[1], HasSubstr(" error p: four"));
}

TEST(Log, LinesOfManyThreadsDoNotMix) {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  ConfigureLogging({.program = "p", .format = LogFormat::kJson});
  ::testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([i] {
      for (int n = 0; n < kLines; ++n) LogInfo("line", {{"thread", i}, {"text", "some text"}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string written = ::testing::internal::GetCapturedStderr();
  ConfigureLogging({});
  const std::vector<std::string> lines = absl::StrSplit(written, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    ASSERT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(lines.size(), size_t{kThreads * kLines});
}

}  // namespace
}  // namespace canopy
