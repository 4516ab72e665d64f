#include "shard/check_shard.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "shard/check_documents.h"
#include "shard/check_terms.h"

namespace canopy {
namespace {

constexpr size_t kProgressBytes = 1 << 20;

absl::Status VerifySection(const Section& section, const CheckProgress& progress) {
  if (!progress) return section.VerifyChecksum();
  ChecksumStream stream;
  for (uint64_t at = 0; at < section.size(); at += kProgressBytes) {
    const std::string_view piece = section.bytes.substr(at, kProgressBytes);
    stream.Update(piece);
    RETURN_IF_ERROR(progress(piece.size()));
  }
  return section.CompareChecksum(stream.Digest());
}

// All that shards of one collection have in common.
bool SameCollection(const CollectionStats& a, const CollectionStats& b) {
  const auto same_field = [](const CollectionStats::FieldStats& x,
                             const CollectionStats::FieldStats& y) {
    return x.name == y.name && x.docs == y.docs && x.tokens == y.tokens;
  };
  return a.docs == b.docs && a.tokens == b.tokens && a.num_shards == b.num_shards &&
         a.analyzer == b.analyzer && a.analyzer_version == b.analyzer_version && a.k1 == b.k1 &&
         a.b == b.b && a.length_histogram == b.length_histogram &&
         std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(), same_field);
}

absl::Status CompareWithManifest(const ShardFile& shard, const GenerationInfo& generation) {
  const CollectionStats& stats = shard.stats();
  const Section& statistics = shard.sections().Get(SectionId::kStatistics);
  if (stats.docs != generation.docs || stats.tokens != generation.tokens ||
      stats.analyzer != generation.analyzer ||
      stats.analyzer_version != generation.analyzer_version) {
    return statistics.Damage(
        0, Concat(stats.docs, " documents, ", stats.tokens, " tokens, analyzer ", stats.analyzer,
                  " ", stats.analyzer_version, "; the manifest says ", generation.docs, ", ",
                  generation.tokens, ", ", generation.analyzer, " ", generation.analyzer_version));
  }
  const auto same_name = [](const CollectionStats::FieldStats& field, const std::string& name) {
    return field.name == name;
  };
  if (std::equal(stats.fields.begin(), stats.fields.end(), generation.fields.begin(),
                 generation.fields.end(), same_name)) {
    return absl::OkStatus();
  }
  return statistics.Damage(0, "other fields than in the manifest");
}

using Shards = std::vector<std::unique_ptr<ShardFile>>;

absl::Status CompareShards(const Shards& shards, const GenerationInfo& generation) {
  for (const auto& shard : shards) {
    RETURN_IF_ERROR(CompareWithManifest(*shard, generation));
    if (SameCollection(shards[0]->stats(), shard->stats())) continue;
    return shard->sections()
        .Get(SectionId::kStatistics)
        .Damage(0, Concat("the collection is another one than that of ", shards[0]->path()));
  }
  return absl::OkStatus();
}

// Bytes of all mapped files that lie in this process's memory (proc(5), "statm"); 0: not known.
uint64_t MappedResidentBytes() {
  static const uint64_t page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return shared * page_bytes;
}

// Keeps what is mapped of the shards from filling the memory: a whole check reads all of it.
// Thread safety: Poll from any thread. Lifetime: borrows the shards.
class PageLimit final {
 public:
  PageLimit(const Shards& shards, uint64_t bytes)
      : shards_(shards), limit_(MappedResidentBytes() + bytes) {}

  void Poll() const {
    if (MappedResidentBytes() <= limit_) return;
    for (const auto& shard : shards_) shard->ReleasePages();
  }

 private:
  const Shards& shards_;
  const uint64_t limit_;
};

}  // namespace

absl::Status VerifyChecksums(const ShardFile& shard, const CheckProgress& progress) {
  uint64_t verified = 0;
  for (const Section* section : shard.sections().Present()) {
    RETURN_IF_ERROR(VerifySection(*section, progress));
    verified += section->size();
  }
  RETURN_IF_ERROR(shard.sections().VerifyPadding());
  return progress ? progress(shard.size_bytes() - verified) : absl::OkStatus();
}

absl::Status CheckShard(const ShardFile& shard, const CheckProgress& progress) {
  RETURN_IF_ERROR(VerifyChecksums(shard, progress));
  RETURN_IF_ERROR(CheckDocuments(shard, progress));
  return CheckTerms(shard, /*bounds=*/{}, progress);
}

absl::Status CheckShard(FileSystem& files, const std::string& path, const CheckProgress& progress) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ShardFile> shard, ShardFile::Open(files, path));
  return CheckShard(*shard, progress);
}

absl::Status CheckGeneration(FileSystem& files, const GenerationInfo& generation,
                             const CheckOptions& options) {
  Shards shards(generation.num_shards());
  for (ShardId number = 0; number < generation.num_shards(); ++number) {
    ASSIGN_OR_RETURN(shards[number], OpenShard(files, generation, number));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<TermBounds> bounds, OpenTermBounds(files, generation));
  PageLimit limit(shards, options.mapped_bytes);
  const CheckProgress progress = [&](uint64_t bytes) {
    limit.Poll();
    return options.progress ? options.progress(bytes) : absl::OkStatus();
  };
  // Checksums first: what they say is the best message.
  if (bounds != nullptr) RETURN_IF_ERROR(bounds->VerifyChecksum(progress));
  const std::function<absl::Status(const ShardFile&)> parts[] = {
      [&](const ShardFile& shard) { return VerifyChecksums(shard, progress); },
      [&](const ShardFile& shard) {
        return CheckTerms(shard, {.file = bounds.get(), .filter = options.bounds_filter}, progress);
      },
      [&](const ShardFile& shard) { return CheckDocuments(shard, progress); }};
  constexpr size_t kNumParts = std::size(parts);
  RETURN_IF_ERROR(ParallelFor(options.threads, shards.size() * kNumParts, [&](size_t i) {
    return parts[i % kNumParts](*shards[i / kNumParts]);
  }));
  return CompareShards(shards, generation);
}

}  // namespace canopy
