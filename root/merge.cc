#include "root/merge.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/types.h"

namespace canopy {
namespace {

// The hits of one shard that are not yet merged.
struct Cursor {
  const v1::ShardAnswer* answer;
  int next = 0;

  const v1::ShardHit& hit() const { return answer->hits(next); }
};

// For the heap functions, whose front is the greatest element.
bool ComesLater(const Cursor& a, const Cursor& b) { return RanksBefore(b.hit(), a.hit()); }

std::vector<v1::ShardHit> MergeHits(std::vector<Cursor> heap, uint32_t offset, uint32_t k) {
  std::vector<v1::ShardHit> merged;
  std::make_heap(heap.begin(), heap.end(), ComesLater);
  for (uint64_t place = 0; place < uint64_t{offset} + k && !heap.empty(); ++place) {
    std::pop_heap(heap.begin(), heap.end(), ComesLater);
    Cursor& best = heap.back();
    if (place >= offset) merged.push_back(best.hit());
    if (++best.next == best.answer->hits_size()) {
      heap.pop_back();
    } else {
      std::push_heap(heap.begin(), heap.end(), ComesLater);
    }
  }
  return merged;
}

absl::Status Wrong(const v1::ShardAnswer& answer, std::string_view what) {
  return absl::InternalError(Concat("wrong answer for shard ", answer.shard(), ": ", what));
}

absl::Status CheckHits(const v1::ShardAnswer& answer, uint32_t num_shards) {
  for (int i = 0; i < answer.hits_size(); ++i) {
    const v1::ShardHit& hit = answer.hits(i);
    if (!std::isfinite(hit.score()) || hit.score() < 0) {
      return Wrong(answer, Concat("score ", hit.score(), " of document ", hit.doc()));
    }
    if (hit.doc() % num_shards != answer.shard()) {
      return Wrong(answer, Concat("document ", hit.doc(), " is of shard ", hit.doc() % num_shards));
    }
    if (i > 0 && !RanksBefore(answer.hits(i - 1), hit)) {
      return Wrong(answer, Concat("hit ", i, " is out of order"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

MergedHits MergeAnswers(absl::Span<const v1::ShardAnswer* const> answers, uint32_t offset,
                        uint32_t k) {
  MergedHits merged;
  std::vector<Cursor> cursors;
  for (const v1::ShardAnswer* answer : answers) {
    if (answer == nullptr) continue;
    merged.total += answer->total().value();
    merged.total_is_exact &= answer->total().relation() == v1::Total::EQ;
    if (answer->hits_size() > 0) cursors.push_back({.answer = answer});
  }
  merged.hits = MergeHits(std::move(cursors), offset, k);
  return merged;
}

absl::Status CheckShardAnswer(const v1::ShardAnswer& answer, const ShardAsked& asked) {
  const uint64_t docs_in_shard = asked.docs_in_shard;
  const bool complete = answer.state() == v1::SHARD_STATE_COMPLETE;
  if (!complete && answer.state() != v1::SHARD_STATE_TRUNCATED) {
    return Wrong(answer, Concat("state ", static_cast<int>(answer.state())));
  }
  if (answer.docs_total() != docs_in_shard || answer.docs_covered() > docs_in_shard ||
      (complete && answer.docs_covered() != docs_in_shard)) {
    return Wrong(answer, Concat(answer.docs_covered(), " of ", answer.docs_total(),
                                " documents covered, the shard has ", docs_in_shard));
  }
  const uint64_t hits = answer.hits_size();
  const uint64_t matches = answer.total().value();
  if (matches > docs_in_shard || hits > asked.k || hits > matches) {
    return Wrong(answer, Concat(hits, " hits (", asked.k, " asked for) of ", matches, " matches"));
  }
  const bool exact = complete && answer.total().relation() == v1::Total::EQ;
  if (exact && !asked.has_threshold && hits < std::min<uint64_t>(asked.k, matches)) {
    return Wrong(answer, Concat("only ", hits, " hits of ", matches, " matches"));
  }
  return CheckHits(answer, asked.num_shards);
}

}  // namespace canopy
