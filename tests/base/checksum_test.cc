#include "base/checksum.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(Checksum, IsXxh3AsItsSpecificationHasIt) {
  // Known values of XXH3-64 with seed 0; files of older builds stay readable only if these do not
  // change.
  EXPECT_EQ(Checksum(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Checksum("a"), 0xe6c632b61e964e1fu);
  EXPECT_EQ(Checksum("abc"), 0x78af5f94892f3950u);
}

TEST(Checksum, AStreamGivesTheSameHoweverTheBytesAreCut) {
  constexpr uint32_t kSeed = 1;
  std::mt19937 random(kSeed);
  std::string bytes(5000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (int round = 0; round < 100; ++round) {
    ChecksumStream stream;
    EXPECT_EQ(stream.Digest(), Checksum(""));
    size_t at = 0;
    while (at < bytes.size()) {
      const size_t size = std::min<size_t>(random() % 700, bytes.size() - at);
      stream.Update(std::string_view(bytes).substr(at, size));
      at += size;
      ASSERT_EQ(stream.Digest(), Checksum(bytes.substr(0, at))) << "seed " << kSeed;
    }
  }
}

}  // namespace
}  // namespace canopy
