#include "base/flags.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/strings.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A flag set with one flag of every kind.
class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() {
    flags_.Group("Input");
    flags_.AddString("format", &format_,
                     {.value = "FORMAT", .help = "input format", .choices = {"auto", "jsonl"}});
    flags_.AddStrings("input", &inputs_, {.value = "FILE", .help = "files to read"});
    flags_.Group("Limits");
    flags_.AddInt("max-errors", &max_errors_, {.help = "bad lines", .min = 0, .max = 1000});
    flags_.AddInt("memory-mb", &memory_mb_, {.help = "memory", .unit = "MiB", .min = 16});
    flags_.AddDouble("rate", &rate_, {.help = "rate", .min = 0, .max = 1});
    flags_.AddDuration("timeout", &timeout_, {.help = "time", .max = absl::Seconds(10)});
    flags_.AddSize("block", &block_, {.help = "block size", .max = 1 << 20});
    flags_.AddBool("strict", &strict_, "stop at the first bad line");
    flags_.AddBool("verify", &verify_, "read back");
  }

  absl::StatusOr<FlagAction> Parse(const std::vector<std::string>& arguments,
                                   const FlagSet::Environment& environment = {}) {
    return flags_.Parse(arguments, environment, LocalFileSystem());
  }
  // The message of the error that parsing must give.
  std::string Refusal(const std::vector<std::string>& arguments,
                      const FlagSet::Environment& environment = {}) {
    const absl::StatusOr<FlagAction> action = Parse(arguments, environment);
    EXPECT_EQ(action.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(Message(action.status()));
  }
  // Writes the file for --config and returns its path.
  std::string Config(std::string_view text) {
    const std::string path = directory_.File("canopy.yaml");
    EXPECT_TRUE(WriteFileAtomically(LocalFileSystem(), path, text).ok());
    return path;
  }

  const TempDir directory_;
  std::string format_ = "auto";
  std::vector<std::string> inputs_;
  int64_t max_errors_ = 100;
  int64_t memory_mb_ = 512;
  double rate_ = 0.5;
  absl::Duration timeout_ = absl::Milliseconds(500);
  uint64_t block_ = 4096;
  bool strict_ = false;
  bool verify_ = true;
  std::string query_;
  std::vector<std::string> rest_;
  FlagSet flags_{"canopy-test build", "Builds an index."};
};

TEST_F(FlagsTest, WithoutArgumentsTheDefaultsStay) {
  EXPECT_EQ(*Parse({}), FlagAction::kRun);
  EXPECT_EQ(format_, "auto");
  EXPECT_EQ(max_errors_, 100);
  EXPECT_TRUE(verify_);
  EXPECT_FALSE(flags_.IsGiven("format"));
}

TEST_F(FlagsTest, EveryKindIsReadFromTheCommandLine) {
  ASSERT_TRUE(Parse({"--format=jsonl", "--input", "a", "--input=b,c", "--max-errors", "0",
                     "--memory-mb=1024", "--rate", "0.25", "--timeout=2s", "--block", "64KiB",
                     "--strict", "--verify=false"})
                  .ok());
  EXPECT_EQ(format_, "jsonl");
  EXPECT_THAT(inputs_, ElementsAre("a", "b,c"));
  EXPECT_EQ(max_errors_, 0);
  EXPECT_EQ(memory_mb_, 1024);
  EXPECT_EQ(rate_, 0.25);
  EXPECT_EQ(timeout_, absl::Seconds(2));
  EXPECT_EQ(block_, 65536u);
  EXPECT_TRUE(strict_);
  EXPECT_FALSE(verify_);
  EXPECT_TRUE(flags_.IsGiven("format"));
}

TEST_F(FlagsTest, ANegativeNumberIsAValueAndNotAFlag) {
  EXPECT_EQ(Refusal({"--max-errors", "-5"}), "--max-errors: -5 is out of its limits: 0 to 1000");
}

TEST_F(FlagsTest, TheEnvironmentIsReadByUpperSnakeCase) {
  ASSERT_TRUE(Parse({}, {{"CANOPY_MAX_ERRORS", "7"},
                         {"CANOPY_INPUT", "a,b"},
                         {"CANOPY_STRICT", "yes"},
                         {"CANOPY_FORMAT", ""},
                         {"CANOPY_UNKNOWN", "ignored"}})
                  .ok());
  EXPECT_EQ(max_errors_, 7);
  EXPECT_THAT(inputs_, ElementsAre("a", "b"));
  EXPECT_TRUE(strict_);
  EXPECT_EQ(format_, "auto");
}

TEST_F(FlagsTest, TheFileIsAMapOfFlagsToValuesOrLists) {
  const std::string path = Config("max-errors: 7\ninput: [a, b]\ntimeout: 1s\nstrict: true\n");
  ASSERT_TRUE(Parse({"--config", path}).ok());
  EXPECT_EQ(max_errors_, 7);
  EXPECT_THAT(inputs_, ElementsAre("a", "b"));
  EXPECT_EQ(timeout_, absl::Seconds(1));
  EXPECT_TRUE(strict_);
}

TEST_F(FlagsTest, AnEmptyFileSetsNothing) {
  ASSERT_TRUE(Parse({"--config", Config("# nothing yet\n")}).ok());
  EXPECT_EQ(max_errors_, 100);
}

TEST_F(FlagsTest, TheEnvironmentDoesNotAskForHelpOrVersion) {
  ASSERT_TRUE(Parse({}, {{"CANOPY_VERSION", "1.2"}, {"CANOPY_HELP", "true"}}).ok());
}

TEST_F(FlagsTest, TheCommandLineWinsOverTheEnvironmentAndThatOverTheFile) {
  const std::string path = Config("max-errors: 1\nmemory-mb: 101\nrate: 0.1\ninput: [x, y]\n");
  ASSERT_TRUE(
      Parse({"--max-errors=3", "--input=z"},
            {{"CANOPY_MAX_ERRORS", "2"}, {"CANOPY_MEMORY_MB", "102"}, {"CANOPY_CONFIG", path}})
          .ok());
  EXPECT_EQ(max_errors_, 3);
  EXPECT_EQ(memory_mb_, 102);
  EXPECT_EQ(rate_, 0.1);
  EXPECT_THAT(inputs_, ElementsAre("z"));
}

TEST_F(FlagsTest, AnUnknownFlagIsNamed) {
  EXPECT_EQ(Refusal({"--max-error=5"}), "unknown flag --max-error");
  EXPECT_EQ(Refusal({"--no-such", "5"}), "unknown flag --no-such");
}

TEST_F(FlagsTest, AnUnknownKeyIsNamedWithFileAndLine) {
  const std::string path = Config("rate: 0.1\nmax-error: 5\n");
  EXPECT_EQ(Refusal({"--config", path}), Concat(path, ":2: key \"max-error\" is not a flag"));
}

TEST_F(FlagsTest, AFileMayNotAskForHelpOrAnotherFile) {
  for (const std::string key : {"config", "help", "version"}) {
    const std::string path = Config(Concat(key, ": x\n"));
    EXPECT_EQ(Refusal({"--config", path}), Concat(path, ":1: key \"", key, "\" is not a flag"));
  }
}

TEST_F(FlagsTest, ValuesOutOfTheirLimitsNameFlagValueLimitAndSource) {
  EXPECT_EQ(Refusal({"--max-errors=1001"}), "--max-errors: 1001 is out of its limits: 0 to 1000");
  EXPECT_EQ(Refusal({}, {{"CANOPY_MEMORY_MB", "8"}}),
            "--memory-mb in the environment: 8 is out of its limits: at least 16 MiB");
  const std::string path = Config("timeout: 11s\n");
  EXPECT_EQ(Refusal({"--config", path}),
            Concat("--timeout in ", path, ": 11s is out of its limits: 0 to 10s"));
}

TEST_F(FlagsTest, LimitsBelongToTheAllowedValues) {
  EXPECT_TRUE(Parse({"--max-errors=1000", "--rate=1", "--timeout=10s", "--block=1MiB"}).ok());
}

TEST_F(FlagsTest, NumbersOutOfTheirLimitsAreRefused) {
  EXPECT_EQ(Refusal({"--rate=1.01"}), "--rate: 1.01 is out of its limits: 0 to 1");
}

TEST_F(FlagsTest, SizesOutOfTheirLimitsAreRefused) {
  EXPECT_EQ(Refusal({"--block=2MiB"}), "--block: 2MiB is out of its limits: at most 1MiB");
}

TEST_F(FlagsTest, MalformedValuesNameTheFlag) {
  EXPECT_EQ(Refusal({"--max-errors=many"}), "--max-errors: \"many\" is not a whole number");
  EXPECT_EQ(Refusal({"--timeout=5"}),
            "--timeout: \"5\" is not a duration such as 250ms, 2s or 1m30s");
  EXPECT_EQ(Refusal({"--strict=maybe"}), "--strict: \"maybe\" is not true or false");
  EXPECT_EQ(Refusal({"--format=xml"}), "--format: \"xml\" is not one of auto, jsonl");
}

TEST_F(FlagsTest, AFlagWithoutItsValueIsRefused) {
  EXPECT_EQ(Refusal({"--max-errors"}), "--max-errors needs a value");
  EXPECT_EQ(Refusal({"--max-errors="}), "--max-errors needs a value");
  EXPECT_EQ(Refusal({"--input", "--strict"}), "--input needs a value");
  EXPECT_EQ(Refusal({"--input", "--rate", "0.1"}), "--input needs a value");
  EXPECT_EQ(Refusal({"--strict="}), "--strict needs a value");
}

TEST_F(FlagsTest, OneValueIsNotGivenTwice) {
  EXPECT_EQ(Refusal({"--rate=0.1", "--rate=0.2"}), "--rate: takes one value, got 2");
  const std::string list = Config("rate: [0.1, 0.2]\n");
  EXPECT_EQ(Refusal({"--config", list}), Concat("--rate in ", list, ": takes one value, got 2"));
}

TEST_F(FlagsTest, AKeyIsNotGivenTwice) {
  const std::string path = Config("rate: 0.1\nrate: 0.2\n");
  EXPECT_EQ(Refusal({"--config", path}), Concat(path, ":2: key \"rate\" is given twice"));
}

TEST_F(FlagsTest, AFileThatIsNoFlatMapIsRefused) {
  const std::string list = Config("- rate\n");
  EXPECT_EQ(Refusal({"--config", list}), Concat(list, ": not a map from flag names to values"));
  Config("rate: {a: 1}\n");
  EXPECT_EQ(Refusal({"--config", list}),
            Concat(list, ":1: key \"rate\": needs a value or a list of values"));
  Config("input: [[a]]\n");
  EXPECT_EQ(Refusal({"--config", list}), Concat(list, ":1: key \"input\": has a list in a list"));
  Config("rate:\n");
  EXPECT_EQ(Refusal({"--config", list}),
            Concat(list, ":1: key \"rate\": needs a value or a list of values"));
  Config("rate: [0.1\n");
  EXPECT_THAT(Refusal({"--config", list}), HasSubstr(Concat(list, ": yaml-cpp: error at line")));
}

TEST_F(FlagsTest, AMissingFileIsNotFound) {
  EXPECT_EQ(Parse({"--config", directory_.File("none")}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(FlagsTest, UnexpectedArgumentsAreRefused) {
  EXPECT_EQ(Refusal({"extra"}), "unexpected argument \"extra\"");
  EXPECT_EQ(Refusal({"--strict", "false"}), "unexpected argument \"false\"");
}

TEST_F(FlagsTest, PositionalArgumentsAreTakenInOrderAmongFlags) {
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  flags_.AddPositionals(&rest_, {.name = "FILE", .help = "files", .required = false});
  ASSERT_TRUE(Parse({"-a +b", "--strict", "x", "--rate=0.1", "y"}).ok());
  EXPECT_EQ(query_, "-a +b");
  EXPECT_THAT(rest_, ElementsAre("x", "y"));
  EXPECT_TRUE(strict_);
}

TEST_F(FlagsTest, BehindTwoDashesEverythingIsPositional) {
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  ASSERT_TRUE(Parse({"--", "--strict"}).ok());
  EXPECT_EQ(query_, "--strict");
  EXPECT_FALSE(strict_);
}

TEST_F(FlagsTest, AnEmptyPositionalArgumentCounts) {
  query_ = "unset";
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  ASSERT_TRUE(Parse({""}).ok());
  EXPECT_EQ(query_, "");
}

TEST_F(FlagsTest, AMissingPositionalArgumentIsNamed) {
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  EXPECT_EQ(Refusal({}), "argument QUERY is missing");
}

TEST_F(FlagsTest, AMissingRequiredFlagIsNamedAndAnySourceWillDo) {
  std::string output;
  FlagSet flags("canopy-test", "Tests.");
  flags.AddString("output", &output, {.value = "DIR", .help = "where", .required = true});
  EXPECT_EQ(flags.Parse({}, {}, LocalFileSystem()).status(),
            absl::InvalidArgumentError("--output is required"));
  EXPECT_TRUE(flags.Parse({}, {{"CANOPY_OUTPUT", "d"}}, LocalFileSystem()).ok());
  EXPECT_EQ(output, "d");
}

TEST_F(FlagsTest, HelpAndVersionAreReportedEvenWhenMoreIsMissing) {
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  EXPECT_EQ(*Parse({"--help"}), FlagAction::kHelp);
  EXPECT_EQ(*Parse({"-h"}), FlagAction::kHelp);
  EXPECT_EQ(*Parse({"--rate=7", "--help"}), FlagAction::kHelp);
  EXPECT_EQ(*Parse({"--version"}), FlagAction::kVersion);
  EXPECT_EQ(rate_, 0.5);
}

TEST_F(FlagsTest, HelpShowsGroupsDefaultsUnitsAndLimits) {
  flags_.AddPositional(&query_, {.name = "QUERY", .help = "what to find"});
  std::string output;
  flags_.AddString("output", &output, {.value = "DIR", .help = "index", .required = true});
  const std::string help = flags_.Help();
  EXPECT_THAT(help, HasSubstr("Usage: canopy-test build --output DIR [flags] QUERY\n"));
  EXPECT_THAT(help, HasSubstr("Builds an index."));
  EXPECT_THAT(help, HasSubstr("QUERY: what to find"));
  EXPECT_THAT(help, HasSubstr("\nInput:\n"));
  EXPECT_THAT(help, HasSubstr("--format FORMAT"));
  EXPECT_THAT(help, HasSubstr("input format (default auto; one of auto, jsonl)"));
  EXPECT_THAT(help, HasSubstr("\nLimits:\n"));
  EXPECT_THAT(help, HasSubstr("bad lines (default 100; 0 to 1000)"));
  EXPECT_THAT(help, HasSubstr("memory (default 512 MiB; at least 16 MiB)"));
  EXPECT_THAT(help, HasSubstr("time (default 500ms; 0 to 10s)"));
  EXPECT_THAT(help, HasSubstr("block size (default 4KiB; at most 1MiB)"));
  EXPECT_THAT(help, HasSubstr("read back (default true)"));
  EXPECT_THAT(help, HasSubstr("index (required)"));
  EXPECT_THAT(help, HasSubstr("--config FILE"));
  EXPECT_LT(help.find("\nLimits:\n"), help.find("\nGeneral:\n"));
}

TEST(EnvironmentName, IsUpperSnakeCaseWithPrefix) {
  EXPECT_EQ(EnvironmentName("max-queued"), "CANOPY_MAX_QUEUED");
}

}  // namespace
}  // namespace canopy
