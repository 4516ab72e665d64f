#include "shard/boolean_eval.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "shard/exact_scorer.h"

namespace canopy {
namespace {

constexpr size_t kBitsetSize = kBitsetWords * sizeof(uint64_t);

void Clear(uint64_t* bits) { std::memset(bits, 0, kBitsetSize); }
void Copy(const uint64_t* from, uint64_t* to) { std::memcpy(to, from, kBitsetSize); }
bool Has(const uint64_t* bits, uint16_t doc) { return (bits[doc / 64] >> doc % 64 & 1) != 0; }

}  // namespace

BooleanEvaluator::Buffer::Buffer(BooleanEvaluator& owner) : owner_(owner) {
  if (owner.pool_.empty()) {
    bits_ = std::make_unique<ChunkBits>();
  } else {
    bits_ = std::move(owner.pool_.back());
    owner.pool_.pop_back();
  }
}

BooleanEvaluator::Buffer::~Buffer() { owner_.pool_.push_back(std::move(bits_)); }

absl::Status BooleanEvaluator::Stop(size_t work) {
  return poll_.ShouldStop(work) ? poll_.status() : absl::OkStatus();
}

absl::Status BooleanEvaluator::Match(uint32_t chunk, ChunkBits& matches) {
  chunk_ = chunk;
  uint64_t* const bits = matches.words.data();
  if (shard_.live_docs() != nullptr) {
    Copy(shard_.live_docs() + size_t{chunk} * kBitsetWords, bits);
  } else {
    const uint32_t docs = std::min(kChunkDocs, shard_.docs() - chunk * kChunkDocs);
    Clear(bits);
    std::memset(bits, 0xFF, docs / 64 * sizeof(uint64_t));
    if (docs % 64 != 0) bits[docs / 64] = (uint64_t{1} << docs % 64) - 1;
  }
  return Narrow(root_, bits);
}

absl::Status BooleanEvaluator::Narrow(QueryNode& node, uint64_t* bits) {
  RETURN_IF_ERROR(Stop(kBitsetWords));
  switch (node.kind) {
    case QueryNode::Kind::kNone:
      Clear(bits);
      return absl::OkStatus();
    case QueryNode::Kind::kAll:
      return absl::OkStatus();
    case QueryNode::Kind::kTerm:
      return NarrowToTerm(node, bits);
    case QueryNode::Kind::kPhrase:
      return NarrowToPhrase(node, bits);
    case QueryNode::Kind::kBoolean:
      return NarrowToBoolean(node, bits);
    case QueryNode::Kind::kConstant:
      return Narrow(node.must[0], bits);
  }
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::NarrowToTerm(const QueryNode& node, uint64_t* bits) {
  const ContainerView* const container = FindContainer(*node.postings, chunk_);
  if (container == nullptr) {
    Clear(bits);
  } else if (container->bitset != nullptr) {
    kernels_.and_with(bits, container->bitset);
  } else {
    const uint64_t* const set = bits;
    uint16_t* const docs = scratch_.match.array[0].data();
    const uint32_t n = kernels_.probe(container->array, container->cardinality, &set, 1, docs);
    Clear(bits);
    kernels_.set_bits(bits, docs, n);
  }
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::NarrowToPhrase(QueryNode& node, uint64_t* bits) {
  QueryNode::PhraseMatches& found = node.phrase_matches;
  found.chunk = chunk_;
  found.docs.clear();
  found.parts.clear();
  ChunkContainers containers;
  if (!FindContainers(node.phrase->candidates(), chunk_, containers)) {
    Clear(bits);
    return absl::OkStatus();
  }
  ChunkMatcher matcher(node.phrase->candidates(), /*live_docs=*/nullptr, scratch_.match);
  const ChunkSet candidates = matcher.Match(containers);
  uint16_t* const docs = scratch_.docs.data();
  uint32_t n = 0;
  if (candidates.array != nullptr) {
    const uint64_t* const set = bits;
    n = kernels_.probe(candidates.array, candidates.count, &set, 1, docs);
  } else {
    kernels_.and_with(bits, candidates.bitset);
    n = kernels_.to_array(bits, docs);
  }
  for (size_t from = 0; from < n; from += kScoreBatch) {
    RETURN_IF_ERROR(DecidePhrase(node, docs + from, std::min(kScoreBatch, n - from)));
  }
  Clear(bits);
  kernels_.set_bits(bits, found.docs.data(), found.docs.size());
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::DecidePhrase(QueryNode& node, const uint16_t* docs, size_t n) {
  RETURN_IF_ERROR(node.phrase->Start(chunk_, absl::MakeConstSpan(docs, n), poll_));
  RETURN_IF_ERROR(node.phrase->Decide(/*wanted=*/nullptr, poll_));
  const float* const frequencies = node.phrase->frequencies();
  for (size_t i = 0; i < n; ++i) {
    if (frequencies[i] == 0) continue;
    node.phrase_matches.docs.push_back(docs[i]);
    node.phrase_matches.parts.push_back(node.phrase->Part(i, frequencies[i]));
  }
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::NarrowToBoolean(QueryNode& node, uint64_t* bits) {
  for (auto* clauses : {&node.filter, &node.must}) {
    for (QueryNode& clause : *clauses) {
      RETURN_IF_ERROR(Narrow(clause, bits));
      if (Empty(bits)) return absl::OkStatus();
    }
  }
  RETURN_IF_ERROR(NarrowToShould(node, bits));
  if (node.must_not.empty()) return absl::OkStatus();
  Buffer excluded(*this);
  Clear(excluded.words());
  for (QueryNode& clause : node.must_not) {
    RETURN_IF_ERROR(AddMatches(clause, bits, excluded.words()));
  }
  kernels_.and_not_with(bits, excluded.words());
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::AddMatches(QueryNode& node, const uint64_t* within, uint64_t* out) {
  if (node.kind != QueryNode::Kind::kTerm) {
    Buffer matches(*this);
    Copy(within, matches.words());
    RETURN_IF_ERROR(Narrow(node, matches.words()));
    kernels_.or_with(out, matches.words());
    return absl::OkStatus();
  }
  const ContainerView* const container = FindContainer(*node.postings, chunk_);
  if (container == nullptr) return Stop(kFindTermWork);
  if (container->bitset != nullptr) {
    kernels_.or_with(out, container->bitset);
  } else {
    kernels_.set_bits(out, container->array, container->cardinality);
  }
  return Stop(kFindTermWork + std::min(container->cardinality, kBitsetWords));
}

absl::Status BooleanEvaluator::NarrowToShould(QueryNode& node, uint64_t* bits) {
  if (node.needed == 0) return absl::OkStatus();
  if (node.needed > 1) return NarrowToSeveralOfShould(node, bits);
  Buffer any(*this);
  Clear(any.words());
  for (QueryNode& clause : node.should) RETURN_IF_ERROR(AddMatches(clause, bits, any.words()));
  kernels_.and_with(bits, any.words());
  return absl::OkStatus();
}

// A counter for every document, as bitsets: plane i holds bit i of all counters. They start at so
// much that exactly those with `needed` matches reach the topmost bit, which then stays.
absl::Status BooleanEvaluator::NarrowToSeveralOfShould(QueryNode& node, uint64_t* bits) {
  const size_t num_planes = std::bit_width(node.should.size()) + 1;
  const uint64_t start = (uint64_t{1} << (num_planes - 1)) - node.needed;
  std::vector<std::unique_ptr<Buffer>> planes;
  for (size_t i = 0; i < num_planes; ++i) {
    planes.push_back(std::make_unique<Buffer>(*this));
    std::memset(planes[i]->words(), (start >> i & 1) != 0 ? 0xFF : 0, kBitsetSize);
  }
  Buffer carry(*this);
  for (QueryNode& clause : node.should) {
    RETURN_IF_ERROR(Stop(kBitsetWords));
    Clear(carry.words());
    RETURN_IF_ERROR(AddMatches(clause, bits, carry.words()));
    for (size_t i = 0; i < num_planes; ++i) {
      uint64_t* const plane = planes[i]->words();
      uint64_t left = 0;
      for (size_t w = 0; w < kBitsetWords; ++w) {
        const uint64_t added = carry.words()[w];
        carry.words()[w] = plane[w] & added;
        plane[w] ^= added;
        left |= carry.words()[w];
      }
      if (left == 0) break;
    }
  }
  kernels_.and_with(bits, planes.back()->words());
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::Score(uint32_t chunk, const ChunkBits& matches, FixedScore* scores) {
  chunk_ = chunk;
  scores_ = scores;
  return AddScores(root_, matches.words.data(), /*all_match=*/true);
}

absl::Status BooleanEvaluator::AddScores(QueryNode& node, const uint64_t* mask, bool all_match) {
  RETURN_IF_ERROR(Stop(kBitsetWords));
  switch (node.kind) {
    case QueryNode::Kind::kNone:
      return absl::OkStatus();
    case QueryNode::Kind::kAll:
      return AddConstant(node.constant, mask);
    case QueryNode::Kind::kTerm:
      return AddTermScores(node, mask);
    case QueryNode::Kind::kPhrase:
      return AddPhraseScores(node, mask);
    case QueryNode::Kind::kBoolean:
      return AddBooleanScores(node, mask, all_match);
    case QueryNode::Kind::kConstant: {
      Buffer matched(*this);
      Copy(mask, matched.words());
      if (!all_match) RETURN_IF_ERROR(Narrow(node.must[0], matched.words()));
      return AddConstant(node.constant, matched.words());
    }
  }
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::AddConstant(FixedScore constant, const uint64_t* mask) {
  for (size_t w = 0; w < kBitsetWords; ++w) {
    for (uint64_t bits = mask[w]; bits != 0; bits &= bits - 1) {
      scores_[w * 64 + static_cast<size_t>(std::countr_zero(bits))] += constant;
    }
  }
  return Stop(kernels_.count(mask));
}

absl::Status BooleanEvaluator::AddTermScores(const QueryNode& node, const uint64_t* mask) {
  const ContainerView* const container = FindContainer(*node.postings, chunk_);
  if (container == nullptr) return absl::OkStatus();
  uint16_t* const docs = scratch_.docs.data();
  uint32_t n = 0;
  if (container->bitset != nullptr) {
    Buffer both(*this);
    const uint64_t* const sets[] = {mask, container->bitset};
    kernels_.and_into(sets, 2, both.words());
    n = kernels_.to_array(both.words(), docs);
  } else {
    n = kernels_.probe(container->array, container->cardinality, &mask, 1, docs);
  }
  const FrequencyView& frequencies = node.postings->frequencies();
  const uint8_t* const codes = shard_.length_codes() + size_t{chunk_} * kChunkDocs;
  for (size_t from = 0; from < n; from += kScoreBatch) {
    const size_t size = std::min<size_t>(kScoreBatch, n - from);
    RETURN_IF_ERROR(Stop(size));
    uint32_t ranks[kScoreBatch];
    kernels_.find_ranks(*container, container->window_ranks, docs + from, size, ranks);
    for (size_t i = 0; i < size; ++i) {
      const uint16_t doc = docs[from + i];
      const auto tf = static_cast<float>(frequencies.At(ranks[i]));
      scores_[doc] += RoundToFixed(ScorePart(node.weight, tf, node.norms->k[codes[doc]]));
    }
  }
  return absl::OkStatus();
}

absl::Status BooleanEvaluator::AddPhraseScores(QueryNode& node, const uint64_t* mask) {
  if (node.phrase_matches.chunk != chunk_) {
    Buffer matched(*this);
    Copy(mask, matched.words());
    RETURN_IF_ERROR(NarrowToPhrase(node, matched.words()));
  }
  const QueryNode::PhraseMatches& found = node.phrase_matches;
  for (size_t i = 0; i < found.docs.size(); ++i) {
    if (Has(mask, found.docs[i])) scores_[found.docs[i]] += found.parts[i];
  }
  return Stop(found.docs.size());
}

// Clauses count only where the node as a whole matches. Where that is not known, it is found out
// again.
absl::Status BooleanEvaluator::AddBooleanScores(QueryNode& node, const uint64_t* mask,
                                                bool all_match) {
  if (!all_match && !node.IsUnion()) {
    Buffer matched(*this);
    Copy(mask, matched.words());
    RETURN_IF_ERROR(NarrowToBoolean(node, matched.words()));
    return AddBooleanScores(node, matched.words(), /*all_match=*/true);
  }
  for (QueryNode& clause : node.must) RETURN_IF_ERROR(AddScores(clause, mask, true));
  for (QueryNode& clause : node.should) RETURN_IF_ERROR(AddScores(clause, mask, false));
  return absl::OkStatus();
}

}  // namespace canopy
