// canopy-indexer as users call it: output, messages, exit status.
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "shard/generation.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string output;
  std::string errors;
};

class CommandTest : public ::testing::Test {
 protected:
  Outcome Run(const std::string& arguments) const {
    const std::string errors = directory_.File("stderr");
    const std::string command =
        Concat(CANOPY_INDEXER_BINARY, " ", arguments, " 2>", errors, " </dev/null");
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> buffer;
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      outcome.output.append(buffer.data(), size);
    }
    outcome.status = WEXITSTATUS(pclose(pipe));
    outcome.errors = *ReadFile(files_, errors);
    return outcome;
  }

  std::string Input(std::string_view lines) const {
    const std::string path = directory_.File("input.jsonl");
    EXPECT_EQ(WriteFileAtomically(files_, path, lines), absl::OkStatus());
    return path;
  }

  const TempDir directory_;
  FileSystem& files_ = LocalFileSystem();
  const std::string index_ = directory_.File("index");
};

constexpr char kThreeDocs[] = R"({"id": "a", "text": "one two two"}
{"id": "b", "text": "two"}
{"id": "c", "text": "three"}
)";

TEST_F(CommandTest, BuildPrintsOneJsonObjectWithTheAgreedFields) {
  const Outcome built = Run(Concat("build --input ", Input(kThreeDocs), " --output ", index_,
                                   " --shards 2 --threads 1 --analyzer ascii --json"));
  ASSERT_EQ(built.status, 0) << built.errors;
  const auto json = nlohmann::json::parse(built.output);
  EXPECT_EQ(json["documents"], 3);
  EXPECT_EQ(json["skipped"], 0);
  EXPECT_EQ(json["terms"], 3);
  EXPECT_EQ(json["tokens"], 5);
  EXPECT_EQ(json["postings"], 4);
  EXPECT_EQ(json["input_bytes"], sizeof(kThreeDocs) - 1);
  EXPECT_EQ(json["generation"], 1);
  EXPECT_EQ(json["shards"], 2);
  EXPECT_GT(json["index_bytes"], 0);
  EXPECT_GT(json["seconds"], 0);
  EXPECT_GT(json["peak_rss_bytes"], 0);
}

TEST_F(CommandTest, ABuildKeepsToItsMemoryHoweverLargeTheIndex) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  // Runs are spilled, and the finished index is larger than the memory.
  const Outcome built =
      Run(Concat("build --input synthetic:docs=220000,vocabulary=20000,length=60",
                 " --analyzer ascii --threads 1 --memory-mb 64 --output ", index_, " --json"));
  ASSERT_EQ(built.status, 0) << built.errors;
  const auto json = nlohmann::json::parse(built.output);
  EXPECT_GT(json["spilled_runs"], 0);
  EXPECT_GT(json["index_bytes"], 100 << 20);
  EXPECT_LT(json["peak_rss_bytes"], 80 << 20);
}

TEST_F(CommandTest, NamesThatNoDocumentHasAreWarnedOf) {
  const Outcome built = Run(Concat("build --input ", Input(kThreeDocs), " --output ", index_,
                                   " --id-field nosuch --stored text,none-such"));
  EXPECT_EQ(built.status, 0) << built.errors;
  EXPECT_THAT(built.errors, AllOf(HasSubstr("--id-field"), HasSubstr("field=nosuch"),
                                  HasSubstr("--stored"), HasSubstr("field=none-such")));
}

TEST_F(CommandTest, ADocumentThatIsTooLargeIsReportedWithTheSetting) {
  const std::string input =
      Input(Concat(kThreeDocs, R"({"text": ")", std::string(1 << 20, 'x'), "\"}\n"));
  const Outcome built =
      Run(Concat("build --input ", input, " --output ", index_, " --max-document-mb 1"));
  EXPECT_EQ(built.status, 0) << built.errors;
  EXPECT_THAT(built.errors, HasSubstr("more than 1048576 (--max-document-mb)"));
}

TEST_F(CommandTest, TermsThatAreCutAndBytesThatAreReplacedAreTold) {
  const std::string path = directory_.File("text.txt");
  ASSERT_EQ(WriteFileAtomically(files_, path, std::string(300, 'x') + " \xff"), absl::OkStatus());
  const Outcome built = Run(Concat("build --input ", path, " --output ", index_));
  EXPECT_THAT(built.output, AllOf(HasSubstr("1 terms were longer"), HasSubstr("1 byte sequences")));
}

TEST_F(CommandTest, BuildTellsPeopleWhatItDid) {
  const Outcome built = Run(Concat("build --input ", Input(kThreeDocs), " --output ", index_));
  ASSERT_EQ(built.status, 0) << built.errors;
  EXPECT_THAT(built.output, HasSubstr("generation 1: 3 documents, 3 terms, 1 shards"));
  EXPECT_THAT(built.errors, HasSubstr("reading: "));
}

TEST_F(CommandTest, WrongUsageIsExitStatusTwoAndNamesTheFlag) {
  const std::string input = Input(kThreeDocs);
  const auto usage_error = [&](const std::string& flags, const std::string& message) {
    const Outcome outcome = Run(Concat("build --input ", input, " --output ", index_, " ", flags));
    EXPECT_EQ(outcome.status, 2) << flags;
    EXPECT_EQ(outcome.output, "") << flags;
    EXPECT_THAT(outcome.errors, HasSubstr(message)) << flags;
    EXPECT_FALSE(files_.Exists(index_)) << flags;
  };
  usage_error("--shards 0", "shards");
  usage_error("--shards 1025", "1024");
  usage_error("--shards many", "shards");
  usage_error("--analyzer klingon", "analyzer");
  usage_error("--format pdf", "format");
  usage_error("--threads 1000", "threads");
  usage_error("--b 2", "--b");
  usage_error("--sharts 2", "sharts");
  usage_error("--memory-mb 10 --threads 2", "memory of 10 MiB is not enough: 2 threads");
  EXPECT_EQ(Run("build").status, 2);
  ASSERT_EQ(setenv("CANOPY_INPUT", ",", 1), 0);
  EXPECT_EQ(Run(Concat("build --output ", index_)).status, 2);
  ASSERT_EQ(unsetenv("CANOPY_INPUT"), 0);
  EXPECT_EQ(Run("grow").status, 2);
}

TEST_F(CommandTest, FailuresAreExitStatusOneWithAClearMessage) {
  const Outcome missing =
      Run(Concat("build --input ", directory_.File("nowhere.jsonl"), " --output ", index_));
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.errors, HasSubstr("nowhere.jsonl"));
  const Outcome empty = Run(Concat("build --input ", Input(""), " --output ", index_));
  EXPECT_EQ(empty.status, 1);
  EXPECT_THAT(empty.errors, HasSubstr("no documents"));
  const Outcome no_index = Run(Concat("verify ", directory_.path()));
  EXPECT_EQ(no_index.status, 1);
  EXPECT_THAT(no_index.errors, HasSubstr(directory_.path()));
  const Outcome as_json = Run(Concat("verify --json ", directory_.path()));
  EXPECT_EQ(as_json.status, 1);
  const auto json = nlohmann::json::parse(as_json.output);
  EXPECT_EQ(json["ok"], false);
  EXPECT_THAT(std::string(json["error"]), HasSubstr(directory_.path()));
}

TEST_F(CommandTest, BadLinesAreReportedWithFileAndLine) {
  const std::string input = Input("{\"text\": \"fine\"}\nnonsense\n");
  const Outcome built = Run(Concat("build --input ", input, " --output ", index_));
  EXPECT_EQ(built.status, 0) << built.errors;
  EXPECT_THAT(built.errors,
              AllOf(HasSubstr("bad record skipped"), HasSubstr(input), HasSubstr("line=2")));
  EXPECT_THAT(built.output, HasSubstr("1 bad records were skipped"));
  const Outcome strict = Run(Concat("build --strict --input ", input, " --output ", index_));
  EXPECT_EQ(strict.status, 1);
  EXPECT_THAT(strict.errors, HasSubstr(input + ":2: "));
}

TEST_F(CommandTest, InfoDoesNotPassOnControlCharactersOfFieldNames) {
  const std::string input = Input("{\"id\": \"a\", \"x\\u001b[2J\": \"one\"}\n");
  ASSERT_EQ(Run(Concat("build --input ", input, " --output ", index_, " --shards 1")).status, 0);
  const Outcome info = Run(Concat("info ", index_));
  EXPECT_EQ(info.status, 0) << info.errors;
  EXPECT_THAT(info.output, HasSubstr("  field x\\x1b[2J\n"));
}

TEST_F(CommandTest, VerifyAndInfoDescribeASoundIndex) {
  ASSERT_EQ(Run(Concat("build --input ", Input(kThreeDocs), " --output ", index_,
                       " --shards 2 --analyzer english"))
                .status,
            0);
  const Outcome verified = Run(Concat("verify --json ", index_));
  EXPECT_EQ(verified.status, 0) << verified.errors;
  const auto json = nlohmann::json::parse(verified.output);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["shards"], 2);
  EXPECT_GT(json["bytes"], 0);
  EXPECT_THAT(Run(Concat("verify ", index_)).output, HasSubstr("are sound"));
  EXPECT_THAT(Run(Concat("info ", index_)).output,
              AllOf(HasSubstr("3 documents"), HasSubstr("analyzer english"),
                    HasSubstr("shard-0001-of-0002.canopy")));
  const auto info = nlohmann::json::parse(Run(Concat("info --json ", index_)).output);
  EXPECT_EQ(info["documents"], 3);
  EXPECT_EQ(info["fields"][0], "text");
  EXPECT_EQ(info["shards"].size(), 2);
  EXPECT_GT(info["sections"]["dictionary"], 0);
  EXPECT_GT(info["sections"]["term_bounds"], 0);
}

TEST_F(CommandTest, APathThatIsNotUtf8DoesNotStopJson) {
  const std::string index = directory_.File("index\xff");
  ASSERT_EQ(Run(Concat("build --input ", Input(kThreeDocs), " --output ", index)).status, 0);
  for (const std::string command : {"info", "verify"}) {
    const Outcome outcome = Run(Concat(command, " --json ", index));
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_FALSE(nlohmann::json::parse(outcome.output, nullptr, false).is_discarded()) << command;
  }
  EXPECT_EQ(Run(Concat("verify --json ", index, "x")).status, 1);
}

TEST_F(CommandTest, VerifyNamesWhatIsDamagedWhere) {
  ASSERT_EQ(Run(Concat("build --input ", Input(kThreeDocs), " --output ", index_)).status, 0);
  const auto generation = ReadCurrentGeneration(files_, index_);
  ASSERT_TRUE(generation.ok()) << generation.status();
  const std::string path = generation->PathOf(generation->shards[0]);
  std::string bytes = *ReadFile(files_, path);
  bytes[70] = static_cast<char>(bytes[70] ^ 1);
  ASSERT_EQ(WriteFileAtomically(files_, path, bytes), absl::OkStatus());
  const Outcome verified = Run(Concat("verify ", index_));
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.errors, HasSubstr("shard-0000-of-0001.canopy"));
  const Outcome as_json = Run(Concat("verify --json ", index_));
  EXPECT_EQ(as_json.status, 1);
  const auto json = nlohmann::json::parse(as_json.output);
  EXPECT_EQ(json["ok"], false);
  EXPECT_THAT(std::string(json["error"]), HasSubstr("shard-0000-of-0001.canopy"));
}

}  // namespace
}  // namespace canopy
