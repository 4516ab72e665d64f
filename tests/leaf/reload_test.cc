// How a leaf changes to a new generation: beside the one being served, as a whole, or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "leaf/leaf_service.h"
#include "shard/generation.h"
#include "tests/leaf/leaf_index.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint32_t kShards = 2;

class ReloadTest : public ::testing::Test {
 protected:
  void MakeLeaf(std::vector<ShardId> shards = {}, absl::Duration keep_previous = kLong) {
    LeafServiceOptions options;
    options.generations.source.index = index_;
    options.generations.source.shards = std::move(shards);
    options.generations.keep_previous = keep_previous;
    leaf_ = std::make_unique<LeafService>(LocalFileSystem(), SteadyClock(), options);
  }
  absl::Status Reload() {
    absl::Notification done;
    absl::Status status;
    leaf_->Reload([&](const absl::Status& result) {
      status = result;
      done.Notify();
    });
    done.WaitForNotification();
    return status;
  }
  // All documents that shard 0 of a generation (0: the current one) holds.
  absl::StatusOr<v1::SearchResponse> CountAll(uint64_t generation = 0) {
    auto request = std::make_shared<v1::SearchRequest>();
    request->mutable_query()->mutable_match_all();
    request->add_shards(0);
    request->set_count_only(true);
    request->set_generation(generation);
    Outcome<v1::SearchResponse> outcome;
    leaf_->Search(request, WithTimeout(kLong), outcome.done());
    return outcome.Wait();
  }
  uint64_t TotalOf(uint64_t generation) {
    const auto response = CountAll(generation);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->shard_answers(0).total().value() : 0;
  }
  absl::Status LoadError() {
    MakeLeaf();
    return Reload();
  }

  const TempDir directory_;
  const std::string index_ = directory_.File("index");
  std::unique_ptr<LeafService> leaf_;
};

TEST_F(ReloadTest, ANewGenerationReplacesTheOldOne) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(TotalOf(0), 5u);
  PublishIndex(index_, MakeDocs(2, 20), kShards);
  EXPECT_EQ(TotalOf(0), 5u);  // not before the reload
  ASSERT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(TotalOf(0), 10u);
  EXPECT_EQ(leaf_->Status().collection().generation(), 2u);
  EXPECT_EQ(leaf_->Status().collection().docs_total(), 20u);
}

TEST_F(ReloadTest, ThePreviousGenerationIsStillAnsweredWhenAskedFor) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), kShards);
  ASSERT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(TotalOf(1), 5u);
  EXPECT_EQ(TotalOf(2), 10u);
  const v1::LeafStatus status = leaf_->Status();
  ASSERT_EQ(status.previous_size(), 1);
  EXPECT_EQ(status.previous(0).generation(), 1u);
  const absl::Status unknown = CountAll(3).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(unknown.message()),
      AllOf(HasSubstr("generation 3"), HasSubstr("2 (collection"), HasSubstr("1 (collection")));
}

TEST_F(ReloadTest, ACollectionThatIsNotHeldIsRefusedWhateverItsNumber) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  const uint64_t checksum = leaf_->Status().collection().checksum();
  auto request = AnyOfWords({"w1"}, {0});
  request->set_generation(1);
  request->set_collection_checksum(checksum);
  Outcome<v1::SearchResponse> right, wrong;
  leaf_->Search(request, WithTimeout(kLong), right.done());
  ASSERT_TRUE(right.Wait().ok());
  EXPECT_EQ(right.Wait()->collection_checksum(), checksum);
  request = std::make_shared<v1::SearchRequest>(*request);
  request->set_collection_checksum(checksum + 1);
  leaf_->Search(request, WithTimeout(kLong), wrong.done());
  EXPECT_EQ(wrong.Wait().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReloadTest, ThePreviousGenerationGoesWhenItsTimeIsOver) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf({}, /*keep_previous=*/absl::ZeroDuration());
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), kShards);
  ASSERT_EQ(Reload(), absl::OkStatus());
  ASSERT_EQ(Reload(), absl::OkStatus());  // the keeper's thread has looked at the time before it
  EXPECT_EQ(CountAll(1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(leaf_->Status().previous_size(), 0);
}

TEST_F(ReloadTest, AReloadWithoutANewGenerationChangesNothing) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  ASSERT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(leaf_->Status().previous_size(), 0);
}

TEST_F(ReloadTest, ADamagedGenerationLeavesTheOldOneServing) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), kShards);
  const std::string damaged = DamageShard(index_, 1);
  const absl::Status status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(damaged), HasSubstr("section"), HasSubstr("offset")));
  EXPECT_EQ(TotalOf(0), 5u);
  EXPECT_EQ(leaf_->Status().collection().generation(), 1u);
  EXPECT_EQ(leaf_->Status().reload_error(), std::string(status.message()));

  PublishIndex(index_, MakeDocs(3, 30), kShards);
  EXPECT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(TotalOf(0), 15u);
  EXPECT_EQ(leaf_->Status().reload_error(), "");
}

TEST_F(ReloadTest, AnotherNumberOfShardsIsRefusedByALeafThatWasToldItsShards) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf({0});
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), kShards + 1);
  const absl::Status status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 shards, where generation 1 has 2"));
  EXPECT_EQ(TotalOf(0), 5u);
}

TEST_F(ReloadTest, AnotherNumberOfShardsIsFineForALeafThatServesAll) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), 1);
  ASSERT_EQ(Reload(), absl::OkStatus());
  EXPECT_EQ(TotalOf(0), 20u);
}

TEST_F(ReloadTest, NoQueryFailsWhileGenerationsChange) {
  constexpr int kThreads = 3;
  constexpr int kGenerations = 6;
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  std::atomic<bool> stop = false;
  std::atomic<int> queries = 0, wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto response = CountAll();
        // Generation g has 10 g documents, half of them in shard 0.
        const bool right = response.ok() &&
                           response->shard_answers(0).total().value() == 5 * response->generation();
        wrong += !right;
        ++queries;
      }
    });
  }
  for (int generation = 2; generation <= kGenerations; ++generation) {
    PublishIndex(index_, MakeDocs(generation, 10 * generation), kShards);
    EXPECT_EQ(Reload(), absl::OkStatus());
    EXPECT_EQ(TotalOf(0), 5u * generation);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(queries, 0);
}

TEST_F(ReloadTest, ADirectoryThatIsNotThereIsNotFound) {
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(index_));
}

TEST_F(ReloadTest, ADirectoryThatIsNoIndexIsNotFound) {
  ASSERT_TRUE(LocalFileSystem().CreateDirectory(index_).ok());
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(index_));
}

TEST_F(ReloadTest, DamagedTermBoundsAreRefusedByALeafOfAnyShard) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf({1});
  ASSERT_EQ(Reload(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 20), kShards);
  const std::string damaged = DamageTermBounds(index_);
  absl::Status status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(damaged), HasSubstr("offset")));
  ASSERT_TRUE(LocalFileSystem().Remove(damaged).ok());
  status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing"));
  EXPECT_EQ(leaf_->Status().collection().generation(), 1u);
}

TEST_F(ReloadTest, AShardThatTheIndexDoesNotHaveIsNotFoundAndTheirNumberIsNamed) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf({0, 9});
  const absl::Status status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("no shard 9"), HasSubstr("2 shards (0 to 1)")));
}

TEST_F(ReloadTest, ANewerFormatIsRefused) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  const std::string manifest = index_ + "/gen-000001/" + std::string(kManifestName);
  const std::string text = ReadFile(LocalFileSystem(), manifest).value();
  const std::string newer = absl::StrReplaceAll(text, {{"\"version\": 2,", "\"version\": 99,"}});
  ASSERT_NE(newer, text);
  ASSERT_TRUE(WriteFileAtomically(LocalFileSystem(), manifest, newer).ok());
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("99"));
}

TEST_F(ReloadTest, MoreReloadsThanMayWaitAreRefused) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  absl::Notification busy, release;
  leaf_->Reload([&](const absl::Status&) {  // runs on the keeper's thread
    busy.Notify();
    release.WaitForNotification();
  });
  busy.WaitForNotification();
  absl::BlockingCounter waiting(GenerationKeeper::kMaxWaitingReloads);
  std::atomic<int> failed = 0;
  for (size_t i = 0; i < GenerationKeeper::kMaxWaitingReloads; ++i) {
    leaf_->Reload([&](const absl::Status& status) {
      failed += !status.ok();
      waiting.DecrementCount();
    });
  }
  const absl::Status refused = Reload();
  release.Notify();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("64 reloads wait"));
  waiting.Wait();
  EXPECT_EQ(failed, 0);
}

TEST_F(ReloadTest, ReloadsThatWaitAreCancelledWhenTheLeafStops) {
  PublishIndex(index_, MakeDocs(1, 10), kShards);
  MakeLeaf();
  ASSERT_EQ(Reload(), absl::OkStatus());
  leaf_->StopReloading();
  EXPECT_EQ(Reload().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(TotalOf(0), 5u);
}

}  // namespace
}  // namespace canopy
