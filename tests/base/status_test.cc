#include "base/status.h"

#include <memory>
#include <string>

#include "absl/strings/cord.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/types.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(bool fail) {
  if (fail) return absl::NotFoundError("no int");
  return std::make_unique<int>(7);
}

absl::Status Use(bool fail, int& seen) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> made, Make(fail));
  seen = *made;
  RETURN_IF_ERROR(absl::OkStatus());
  RETURN_IF_ERROR(absl::DataLossError("after"));
  seen = -1;
  return absl::OkStatus();
}

TEST(Status, MacrosPassValuesOnAndReturnTheFirstError) {
  int seen = 0;
  EXPECT_EQ(Use(true, seen), absl::NotFoundError("no int"));
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(Use(false, seen), absl::DataLossError("after"));
  EXPECT_EQ(seen, 7);
}

// A member may have the name that comes to mind first for the macro's local.
class WithMember final {
 public:
  absl::Status Get() const {
    RETURN_IF_ERROR(status_);
    return absl::OkStatus();
  }

 private:
  absl::Status status_ = absl::DataLossError("kept");
};

TEST(Status, ReturnIfErrorSeesMembersOfEveryName) {
  EXPECT_EQ(WithMember().Get(), absl::DataLossError("kept"));
}

TEST(Status, AnnotatePutsTheContextInFrontAndKeepsCodeAndPayloads) {
  absl::Status status = absl::DataLossError("checksum 1 expected 2");
  status.SetPayload("canopy/test", absl::Cord("x"));
  const absl::Status annotated = Annotate(status, "shard 7");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Message(annotated), "shard 7: checksum 1 expected 2");
  EXPECT_EQ(annotated.GetPayload("canopy/test"), absl::Cord("x"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "shard 7").ok());
}

TEST(Strings, ConcatTakesStringsOfEveryKindAndNumbers) {
  const std::string owned = "a";
  const std::string_view view = "b";
  EXPECT_EQ(Concat(owned, view, "c", 1, -2.5, absl::string_view("d"), uint64_t{3}), "abc1-2.5d3");
  EXPECT_EQ(ToStd(ToAbsl(std::string_view("a\0b", 3))), std::string_view("a\0b", 3));
}

TEST(CheckDeathTest, ABrokenConditionAbortsAndPrintsItself) {
  const int one = 1;
  CHECK(one == 1);
  EXPECT_DEATH(CHECK(one == 2), "status_test.cc:[0-9]+: check failed: one == 2");
}

TEST(Types, EveryDocumentHasOnePlaceAndTheShardsHoldThemAll) {
  for (const uint32_t shards : {1u, 2u, 3u, 8u}) {
    for (DocId doc = 0; doc < 50; ++doc) {
      const DocLocation at = LocateDoc(doc, shards);
      EXPECT_LT(at.shard, shards);
      EXPECT_EQ(GlobalDoc(at, shards), doc);
      EXPECT_LT(at.local, DocsInShard(doc + 1, at.shard, shards));
    }
    uint64_t total = 0;
    for (ShardId shard = 0; shard < shards; ++shard) total += DocsInShard(50, shard, shards);
    EXPECT_EQ(total, 50u);
  }
}

}  // namespace
}  // namespace canopy
