#include "shard/score_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "shard/query_scope.h"
#include "shard/scorer.h"

namespace canopy {
namespace {

constexpr uint8_t kLargestByte = 255;

using Scores = std::vector<FixedScore>;

// At least what a leaf adds to a score. The searcher computes RoundToFixed(w * tf / (tf + K)) in
// float, w = boost * idf. Here:
//   byte / 255 >= tf / (tf + K), whatever single precision did to K (docs/shard_format.md,
//   "Bounds"), or the byte is 255, and tf / (tf + K) <= 1;
//   w is computed as there, from a document frequency that is not above the real one, and idf falls
//   with it (as computed: to 2^-23 of it, by the roundings of boost * float(ln));
//   the product, the sum and the quotient round up by at most 2^-24 of their value each.
// All that is less than 2^-21 together, and the factor is above 1 + 2^-20. Scaling by 2^24 is
// exact, and the integer nearest to a number is not above the ceiling of a bound of it. Scores are
// sums of such integers, without error.
FixedScore LeafBound(float weight, uint8_t byte) {
  constexpr double kRoundings = 1 + 1e-6;
  const double part = double{weight} * (byte / 255.0) * kRoundings;
  return static_cast<FixedScore>(std::ceil(std::ldexp(part, kScoreFractionBits)));
}

// Thread safety: one thread. Lifetime: borrows all that it is given.
class Bounder final {
 public:
  Bounder(const TermBounds& bounds, const CollectionStats& stats)
      : bounds_(bounds), stats_(stats), num_shards_(bounds.num_shards()), bytes_(num_shards_) {}

  // Empty once the query has turned out to be too large.
  Scores Bound(const ShardQuery& query, float boost) {
    if (!Count(1)) return {};
    boost *= query.boost;
    switch (query.kind) {
      case ShardQuery::Kind::kTerm:
      case ShardQuery::Kind::kPhrase:
        return BoundTerms(query, boost);
      case ShardQuery::Kind::kBoolean:
        return BoundBoolean(query, boost);
      case ShardQuery::Kind::kMatchAll:
        return Constant(boost);
      case ShardQuery::Kind::kMatchNone:
        return Scores(num_shards_, kNoMatchBound);
      case ShardQuery::Kind::kConstantScore: {
        Scores scores = Constant(boost * query.constant_score);
        LimitToMatches(query.must[0], scores);
        return scores;
      }
    }
    return {};
  }

  bool too_large() const { return nodes_ > kMaxBoundedNodes; }

 private:
  bool Count(size_t nodes) {
    nodes_ += nodes;
    return !too_large();
  }

  Scores Constant(float score) const {
    Scores scores(num_shards_, RoundToFixed(score));
    for (ShardId shard = 0; shard < num_shards_; ++shard) {
      if (DocsInShard(stats_.docs, shard, num_shards_) == 0) scores[shard] = kNoMatchBound;
    }
    return scores;
  }

  // The stored bytes are for whole documents under the average length of all fields together.
  bool BytesHold(const std::string& field) const {
    return field.empty() || (stats_.fields.size() <= 1 &&
                             ScopeAverageLength(stats_, field) == ScopeAverageLength(stats_, ""));
  }

  // A phrase does not occur more often in a document than each of its terms does, so each bounds
  // its part; with slop its frequency is a sum of weights that may be more.
  Scores BoundTerms(const ShardQuery& query, float boost) {
    Scores scores(num_shards_, kNoMatchBound);
    if (query.terms.empty() || !Count(query.terms.size() - 1)) return scores;
    std::vector<uint8_t> least(num_shards_, kLargestByte);
    const bool bytes_hold = BytesHold(query.field) && (query.slop == 0 || query.terms.size() == 1);
    double idf = 0;
    for (const std::string& term : query.terms) {
      // Not above the documents there are, also when nobody has verified the file.
      uint64_t df = std::min(bounds_.Find(term, absl::MakeSpan(bytes_)), stats_.docs);
      // Inside one of several fields it is in at least one document, or there is no match.
      if (!query.field.empty() && stats_.fields.size() > 1) df = 1;
      idf += Idf(stats_.docs, df);
      for (uint32_t shard = 0; shard < num_shards_; ++shard) {
        const uint8_t byte = bytes_hold || bytes_[shard] == 0 ? bytes_[shard] : kLargestByte;
        least[shard] = std::min(least[shard], byte);
      }
    }
    const float weight = boost * static_cast<float>(idf);
    for (uint32_t shard = 0; shard < num_shards_; ++shard) {
      if (least[shard] != 0) scores[shard] = LeafBound(weight, least[shard]);
    }
    return scores;
  }

  // As QueryTree::MakeBoolean sees it in each shard.
  Scores BoundBoolean(const ShardQuery& query, float boost) {
    const bool optional_only = query.must.empty() && query.filter.empty();
    if (optional_only && query.should.empty()) return Scores(num_shards_, kNoMatchBound);
    const uint32_t needed = query.minimum_should_match.value_or(optional_only ? 1 : 0);
    Scores sums(num_shards_, 0);
    std::vector<uint32_t> matching(num_shards_, 0);
    for (const ShardQuery& clause : query.should) {
      const Scores scores = Bound(clause, boost);
      if (too_large()) return {};
      for (uint32_t shard = 0; shard < num_shards_; ++shard) {
        if (scores[shard] == kNoMatchBound) continue;
        sums[shard] += scores[shard];
        ++matching[shard];
      }
    }
    for (uint32_t shard = 0; shard < num_shards_; ++shard) {
      if (matching[shard] < needed) sums[shard] = kNoMatchBound;
    }
    for (const ShardQuery& clause : query.must) {
      const Scores scores = Bound(clause, boost);
      if (too_large()) return {};
      for (uint32_t shard = 0; shard < num_shards_; ++shard) {
        const bool matches = sums[shard] != kNoMatchBound && scores[shard] != kNoMatchBound;
        sums[shard] = matches ? sums[shard] + scores[shard] : kNoMatchBound;
      }
    }
    for (const ShardQuery& clause : query.filter) LimitToMatches(clause, sums);
    return sums;
  }

  // Shards without a match of `query` have none.
  void LimitToMatches(const ShardQuery& query, Scores& scores) {
    const Scores matches = Bound(query, 0);
    if (too_large()) return;
    for (uint32_t shard = 0; shard < num_shards_; ++shard) {
      if (matches[shard] == kNoMatchBound) scores[shard] = kNoMatchBound;
    }
  }

  const TermBounds& bounds_;
  const CollectionStats& stats_;
  const uint32_t num_shards_;
  std::vector<uint8_t> bytes_;  // of one term
  size_t nodes_ = 0;
};

}  // namespace

std::optional<std::vector<FixedScore>> BoundScores(const TermBounds& bounds,
                                                   const CollectionStats& stats,
                                                   const ShardQuery& query) {
  const bool same = stats.num_shards == bounds.num_shards() && stats.docs == bounds.docs();
  if (!same) return std::nullopt;
  Bounder bounder(bounds, stats);
  Scores scores = bounder.Bound(query, 1);
  if (bounder.too_large()) return std::nullopt;
  return scores;
}

}  // namespace canopy
