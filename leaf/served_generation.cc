#include "leaf/served_generation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "shard/check_shard.h"

namespace canopy {
namespace {

constexpr absl::Duration kLogInterval = absl::Seconds(2);

// Stops the check of the shards when told to, and logs how far it has come. Thread safety: Add from
// any thread.
class VerifyProgress final {
 public:
  VerifyProgress(uint64_t total_bytes, const Cancellation& stop)
      : total_bytes_(total_bytes), stop_(stop), started_(SteadyClock().Now()), logged_(started_) {}

  absl::Status Add(uint64_t bytes) {
    RETURN_IF_ERROR(stop_.status());
    const absl::Time now = SteadyClock().Now();
    absl::MutexLock lock(&mutex_);
    bytes_ += bytes;
    if (now - logged_ < kLogInterval) return absl::OkStatus();
    logged_ = now;
    LogInfo("verifying", {{"percent", 100 * bytes_ / std::max<uint64_t>(total_bytes_, 1)},
                          {"mb_per_s", bytes_ / 1e6 / absl::ToDoubleSeconds(now - started_)}});
    return absl::OkStatus();
  }

 private:
  const uint64_t total_bytes_;
  const Cancellation& stop_;
  const absl::Time started_;
  absl::Mutex mutex_;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time logged_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::vector<ShardId>> ChooseShards(const GenerationInfo& generation,
                                                  std::vector<ShardId> wanted) {
  const uint32_t num_shards = generation.num_shards();
  if (wanted.empty()) {
    for (ShardId shard = 0; shard < num_shards; ++shard) wanted.push_back(shard);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted.back() < num_shards) return wanted;
  return absl::NotFoundError(Concat(generation.directory, ": there is no shard ", wanted.back(),
                                    ": the index has ", num_shards, " shards (0 to ",
                                    num_shards - 1, ")"));
}

v1::CollectionInfo Describe(const GenerationInfo& generation) {
  v1::CollectionInfo info;
  info.set_generation(generation.number);
  info.set_num_shards(generation.num_shards());
  info.set_docs_total(generation.docs);
  info.set_analyzer(generation.analyzer);
  info.set_analyzer_version(generation.analyzer_version);
  for (const std::string& field : generation.fields) info.add_fields(field);
  info.set_checksum(generation.CollectionChecksum());
  if (generation.docs > 0) {
    info.set_average_length(static_cast<double>(generation.tokens) /
                            static_cast<double>(generation.docs));
  }
  return info;
}

// `bounds` may be null.
absl::Status VerifyAll(const std::vector<const ShardFile*>& shards, const TermBounds* bounds,
                       size_t threads, const Cancellation& stop) {
  uint64_t bytes = bounds == nullptr ? 0 : bounds->size_bytes();
  for (const ShardFile* const shard : shards) bytes += shard->size_bytes();
  VerifyProgress progress(bytes, stop);
  const auto add = [&](uint64_t checked_bytes) { return progress.Add(checked_bytes); };
  if (bounds != nullptr) RETURN_IF_ERROR(bounds->VerifyChecksum(add));
  return ParallelFor(threads, shards.size(),
                     [&](size_t i) { return VerifyChecksums(*shards[i], add); });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServedGeneration>> ServedGeneration::Open(
    FileSystem& files, const GenerationInfo& generation, const GenerationSource& source,
    const Cancellation& stop) {
  const absl::Time start = SteadyClock().Now();
  std::shared_ptr<ServedGeneration> opened(new ServedGeneration);
  opened->collection_ = Describe(generation);
  ASSIGN_OR_RETURN(opened->shards_, ChooseShards(generation, source.shards));
  opened->files_.resize(generation.num_shards());
  std::vector<const ShardFile*> shards;
  for (const ShardId shard : opened->shards_) {
    ASSIGN_OR_RETURN(opened->files_[shard], OpenShard(files, generation, shard));
    shards.push_back(opened->files_[shard].get());
  }
  ASSIGN_OR_RETURN(opened->term_bounds_, OpenTermBounds(files, generation));
  if (source.verify) {
    RETURN_IF_ERROR(VerifyAll(shards, opened->term_bounds(), source.threads, stop));
  }
  LogInfo("generation opened", {{"generation", generation.number},
                                {"shards", opened->shards_.size()},
                                {"of", generation.num_shards()},
                                {"verified", source.verify},
                                {"took", SteadyClock().Now() - start}});
  return opened;
}

}  // namespace canopy
