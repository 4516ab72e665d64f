#include "cli/client_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CheckTarget, NeedsHostAndPort) {
  EXPECT_TRUE(CheckTarget("127.0.0.1:7000").ok());
  EXPECT_TRUE(CheckTarget("localhost:7000").ok());
  for (const char* const target : {"", "localhost", "localhost:", ":7000", "localhost:70000"}) {
    EXPECT_THAT(Message(CheckTarget(target)), HasSubstr("--target: address must be HOST:PORT"))
        << target;
  }
}

TEST(CheckUtf8, TakesTextOfAllScripts) {
  EXPECT_TRUE(CheckUtf8("the query", "Grüße 世界 👩\u200d🔬").ok());
  EXPECT_TRUE(CheckUtf8("the query", "").ok());
}

TEST(CheckUtf8, NamesTheByte) {
  EXPECT_EQ(Message(CheckUtf8("the query", "\xff")), "the query is not valid UTF-8 at byte 1");
  EXPECT_EQ(Message(CheckUtf8("the query", "aü\xc3")), "the query is not valid UTF-8 at byte 4");
  EXPECT_EQ(Message(CheckUtf8("--fields", "a\xed\xa0\x80")),
            "--fields is not valid UTF-8 at byte 2");
}

TEST(SplitQueries, OneALineWithoutEmptyOnes) {
  const auto queries = SplitQueries("+a +b\r\n \n\"c d\"");
  ASSERT_TRUE(queries.ok()) << queries.status();
  EXPECT_THAT(*queries, ElementsAre("+a +b", "\"c d\""));
}

TEST(SplitQueries, RefusesWhatCannotBeSent) {
  EXPECT_EQ(Message(SplitQueries(" \n").status()), "no query in it");
  EXPECT_EQ(Message(SplitQueries("a\n\nb\xff\n").status()),
            "the query in line 3 is not valid UTF-8 at byte 2");
}

TEST(ReadQueries, ReadsAPipeToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "a b\n+c\n", 7), 7);
  close(ends[1]);
  const auto queries = ReadQueries(Concat("/dev/fd/", ends[0]));
  close(ends[0]);
  ASSERT_TRUE(queries.ok()) << queries.status();
  EXPECT_THAT(*queries, ElementsAre("a b", "+c"));
}

TEST(ReadQueries, NamesTheFileThatCannotBeRead) {
  EXPECT_EQ(ReadQueries("/proc/nowhere/queries").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(ReadQueries("/proc/nowhere/queries").status()),
              HasSubstr("/proc/nowhere/queries"));
  EXPECT_THAT(Message(ReadQueries("/proc").status()), HasSubstr("cannot read /proc: Is a direc"));
}

}  // namespace
}  // namespace canopy
