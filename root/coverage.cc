#include "root/coverage.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace canopy {
namespace {

// Reasons in an error message; a status is limited to a few KiB on the wire.
constexpr size_t kReasonsInMessage = 3;

v1::ShardCoverage CoverageOf(const ShardResult& result, ShardId shard, uint64_t docs) {
  v1::ShardCoverage coverage;
  coverage.set_shard(shard);
  coverage.set_docs_total(docs);
  if (result.answer == nullptr) {
    coverage.set_state(v1::SHARD_STATE_MISSING);
    coverage.set_reason(result.not_needed
                            ? "not_needed: no document of it scores as high as the last hit"
                            : ReasonOf(result.failure));
  } else {
    coverage.set_state(result.answer->state());
    coverage.set_docs_covered(result.answer->docs_covered());
    coverage.set_reason(result.answer->reason());
  }
  return coverage;
}

bool Missing(const ShardResult& result) { return result.answer == nullptr; }

absl::StatusCode CodeOfMissing(absl::Span<const ShardResult> results) {
  if (TimedOut(results)) return absl::StatusCode::kDeadlineExceeded;
  const bool overloaded =
      std::all_of(results.begin(), results.end(), [](const ShardResult& result) {
        return !Missing(result) || absl::IsResourceExhausted(result.failure);
      });
  return overloaded ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable;
}

std::string ReasonsOf(const v1::Coverage& coverage) {
  std::string reasons;
  size_t listed = 0, incomplete = 0;
  for (const v1::ShardCoverage& shard : coverage.shards()) {
    if (shard.state() == v1::SHARD_STATE_COMPLETE) continue;
    if (++incomplete > kReasonsInMessage) continue;
    ++listed;
    reasons += Concat("; shard ", shard.shard(), ": ", shard.reason());
  }
  if (incomplete > listed) reasons += Concat("; and ", incomplete - listed, " more shards");
  return reasons;
}

}  // namespace

std::string ReasonOf(const absl::Status& status) {
  return Concat(absl::AsciiStrToLower(absl::StatusCodeToString(status.code())), ": ",
                Message(status));
}

v1::Coverage MakeCoverage(const ClusterView& view, absl::Span<const ShardResult> results) {
  v1::Coverage coverage;
  coverage.set_shards_total(view.num_shards());
  coverage.set_docs_total(view.collection.docs_total());
  uint32_t complete = 0;
  uint64_t covered = 0;
  for (ShardId shard = 0; shard < view.num_shards(); ++shard) {
    v1::ShardCoverage& of_shard = *coverage.add_shards();
    of_shard = CoverageOf(results[shard], shard, view.DocsOf(shard));
    complete += of_shard.state() == v1::SHARD_STATE_COMPLETE ? 1 : 0;
    covered += of_shard.docs_covered();
  }
  coverage.set_shards_complete(complete);
  coverage.set_docs_covered(covered);
  coverage.set_complete(complete == view.num_shards());
  return coverage;
}

bool TimedOut(absl::Span<const ShardResult> results) {
  return std::any_of(results.begin(), results.end(), [](const ShardResult& result) {
    return Missing(result) ? absl::IsDeadlineExceeded(result.failure)
                           : result.answer->state() == v1::SHARD_STATE_TRUNCATED;
  });
}

absl::Status CheckCoverage(const v1::Coverage& coverage, absl::Span<const ShardResult> results,
                           double min_coverage) {
  if (coverage.complete()) return absl::OkStatus();
  const double docs = static_cast<double>(coverage.docs_total());
  const double covered = static_cast<double>(coverage.docs_covered());
  // As the quotient, which is the double nearest to the share: 55 of 100 are 0.55.
  if (min_coverage < 1 && covered > 0 && covered / docs >= min_coverage) return absl::OkStatus();
  const double percent = docs > 0 ? 100 * covered / docs : 0;
  return absl::Status(
      CodeOfMissing(results),
      Concat(coverage.shards_complete(), " of ", coverage.shards_total(), " shards answered, ",
             coverage.docs_covered(), " of ", coverage.docs_total(), " documents (",
             absl::StrFormat("%.2f", percent), " %), the limit is min_coverage ", min_coverage,
             ReasonsOf(coverage)));
}

}  // namespace canopy
