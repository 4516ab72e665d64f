#include "base/flag_values.h"

#include <limits>

#include "base/strings.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(FlagValues, SharesAreReadAsPercentages) {
  EXPECT_DOUBLE_EQ(ParseShare("1%").value(), 0.01);
  EXPECT_DOUBLE_EQ(ParseShare("0.1%").value(), 0.001);
  EXPECT_DOUBLE_EQ(ParseShare("100%").value(), 1);
  EXPECT_DOUBLE_EQ(ParseShare("0%").value(), 0);
}

TEST(FlagValues, WhatIsNotAShareIsRefused) {
  for (const char* const text : {"", "%", "1", "0.5", "-1%", "101%", "x%", "nan%", "1%%"}) {
    EXPECT_EQ(ParseShare(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FlagValues, SizesHaveBinaryAndDecimalUnits) {
  EXPECT_EQ(*ParseSize("0"), 0u);
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("7B"), 7u);
  EXPECT_EQ(*ParseSize("64KiB"), 64u << 10);
  EXPECT_EQ(*ParseSize("64MiB"), 64u << 20);
  EXPECT_EQ(*ParseSize("3GiB"), uint64_t{3} << 30);
  EXPECT_EQ(*ParseSize("2TiB"), uint64_t{2} << 40);
  EXPECT_EQ(*ParseSize("10kB"), 10'000u);
  EXPECT_EQ(*ParseSize("10MB"), 10'000'000u);
  EXPECT_EQ(*ParseSize("1GB"), 1'000'000'000u);
  EXPECT_EQ(*ParseSize("1TB"), 1'000'000'000'000u);
}

TEST(FlagValues, MalformedSizesAreNamed) {
  for (const char* text : {"", "MiB", "-1", "1.5GiB", "64mib", "64 MiB", "1e3", "64MiB!"}) {
    EXPECT_EQ(Message(ParseSize(text).status()),
              Concat("\"", text, "\" is not a size such as 4096, 64MiB or 1GiB"));
  }
  EXPECT_EQ(Message(ParseSize("99999999999TiB").status()), "\"99999999999TiB\" exceeds 64 bits");
  EXPECT_FALSE(ParseSize("99999999999999999999").ok());
}

TEST(FlagValues, SizesArePrintedInTheLargestUnitThatFitsAndReadBack) {
  EXPECT_EQ(FormatSize(0), "0B");
  EXPECT_EQ(FormatSize(100), "100B");
  EXPECT_EQ(FormatSize(64 << 20), "64MiB");
  EXPECT_EQ(FormatSize(1536 << 10), "1536KiB");
  EXPECT_EQ(FormatSize(uint64_t{1} << 40), "1TiB");
  for (const uint64_t size : {uint64_t{0}, uint64_t{1023}, uint64_t{3} << 30, UINT64_MAX}) {
    EXPECT_EQ(*ParseSize(FormatSize(size)), size);
  }
}

TEST(FlagValues, DurationsNeedAUnit) {
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("100us"), absl::Microseconds(100));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(Message(ParseDuration("500").status()),
            "\"500\" is not a duration such as 250ms, 2s or 1m30s");
}

TEST(FlagValues, NumbersMustBeWholeWordsAndFinite) {
  EXPECT_EQ(*ParseInt("-5"), -5);
  EXPECT_EQ(*ParseInt("9223372036854775807"), std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "x", "1x", "1.0", "9223372036854775808"}) {
    EXPECT_EQ(Message(ParseInt(text).status()), Concat("\"", text, "\" is not a whole number"));
  }
  EXPECT_EQ(*ParseDouble("1e-3"), 0.001);
  for (const char* text : {"", "x", "1,5", "inf", "nan", "1e999"}) {
    EXPECT_EQ(Message(ParseDouble(text).status()), Concat("\"", text, "\" is not a number"));
  }
}

TEST(FlagValues, BooleansHaveTheUsualSpellings) {
  for (const char* text : {"true", "True", "yes", "1", "on"}) EXPECT_TRUE(*ParseBool(text));
  for (const char* text : {"false", "no", "0", "off"}) EXPECT_FALSE(*ParseBool(text));
  EXPECT_EQ(Message(ParseBool("maybe").status()), "\"maybe\" is not true or false");
}

}  // namespace
}  // namespace canopy
