#include "shard/phrase_leaf.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "base/check.h"
#include "base/status.h"
#include "shard/length_code.h"
#include "shard/query_scope.h"
#include "shard/set_kernels.h"

namespace canopy {
namespace {

bool HasRepeats(const std::vector<std::string>& terms) {
  std::vector<std::string_view> sorted(terms.begin(), terms.end());
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

// Slices hold positions modulo 2^16: longer documents and phrases are decided by plain positions.
constexpr uint8_t kMaxSlicedLengthCode = EncodeLength(50000);
constexpr size_t kMaxSlicedTerms = 1000;

// Only the positions inside [first, second).
TermPositions Inside(TermPositions positions, std::pair<uint32_t, uint32_t> span) {
  const auto begin = std::lower_bound(positions.begin(), positions.end(), span.first);
  const auto end = std::lower_bound(begin, positions.end(), span.second);
  return {begin, static_cast<size_t>(end - begin)};
}

// How many positions p there are with slot i at p + i, for all i; without `count_all`, whether
// there is one. Slot `lead` leads, the others follow.
float ExactFrequency(absl::Span<const PositionSlice> slots, size_t lead, bool count_all) {
  constexpr size_t kInlineSlots = 16;
  absl::InlinedVector<uint32_t, kInlineSlots> at(slots.size());
  uint32_t count = 0;
  for (uint32_t occurrence = 0; occurrence < slots[lead].count; ++occurrence) {
    const uint32_t position = slots[lead].At(occurrence);
    if (position < lead) continue;
    bool matches = true;
    for (size_t i = 0; i < slots.size() && matches; ++i) {
      const uint32_t wanted = position - static_cast<uint32_t>(lead) + static_cast<uint32_t>(i);
      while (at[i] < slots[i].count && slots[i].At(at[i]) < wanted) ++at[i];
      if (at[i] == slots[i].count) return static_cast<float>(count);
      matches = slots[i].At(at[i]) == wanted;
    }
    count += matches ? 1 : 0;
    if (matches && !count_all) break;
  }
  return static_cast<float>(count);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PhraseLeaf>> PhraseLeaf::Make(const ShardFile& shard,
                                                             const ShardQuery& query, float boost) {
  std::unique_ptr<PhraseLeaf> leaf(
      new PhraseLeaf(shard, {.slop = query.slop, .has_repeats = HasRepeats(query.terms)}));
  const CollectionStats& stats = shard.stats();
  leaf->average_length_ = ScopeAverageLength(stats, query.field);
  leaf->norms_ = LengthNorms::Make(stats.k1, stats.b, leaf->average_length_);
  if (!query.field.empty() && shard.has_field_spans()) {
    leaf->field_ = shard.FieldNumber(query.field);
  }
  ASSIGN_OR_RETURN(const bool all_there, leaf->AddTerms(query));
  if (!all_there) return std::unique_ptr<PhraseLeaf>();
  leaf->weight_ *= boost;
  return leaf;
}

absl::StatusOr<bool> PhraseLeaf::AddTerms(const ShardQuery& query) {
  std::unordered_map<std::string_view, uint32_t> distinct;
  std::vector<float> idfs;
  double idf = 0;
  for (const std::string& term : query.terms) {
    const auto [place, fresh] = distinct.try_emplace(term, static_cast<uint32_t>(distinct.size()));
    slots_.push_back(place->second);
    if (fresh) {
      ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard_.FindTerm(term));
      if (!info) return false;
      uint64_t df = info->global_df;
      if (field_) {
        ASSIGN_OR_RETURN(df, shard_.GlobalFieldDf(*info, *field_));
      }
      idfs.push_back(Idf(shard_.stats().docs, df));
      FlatTerm flat;
      ASSIGN_OR_RETURN(flat.postings, shard_.Postings(*info));
      ASSIGN_OR_RETURN(PositionReader reader, shard_.Positions(*info, flat.postings));
      terms_.push_back({PositionSource(reader, flat.postings.frequencies(), info->df), {}, {}, {}});
      auto& terms = candidates_.terms.size() < kMaxFlatTerms ? candidates_.terms : more_terms_;
      terms.push_back(std::move(flat));
    }
    idf += idfs[place->second];
  }
  candidates_.num_required = candidates_.terms.size();
  weight_ = static_cast<float>(idf);
  aligned_slices_.resize(slots_.size());
  aligned_positions_.resize(slots_.size());
  return true;
}

void PhraseLeaf::Start(uint32_t chunk, absl::Span<const uint16_t> docs) {
  CHECK(docs.size() <= kScoreBatch);
  chunk_ = chunk;
  num_docs_ = docs.size();
  std::copy(docs.begin(), docs.end(), docs_.begin());
  const SetKernels& kernels = CurrentSetKernels();
  const uint8_t* const codes = shard_.length_codes() + size_t{chunk} * kChunkDocs;
  for (size_t i = 0; i < num_docs_; ++i) k_[i] = norms_.k[codes[docs[i]]];
  for (size_t t = 0; t < terms_.size(); ++t) {
    std::vector<uint32_t>& ranks = terms_[t].ranks;
    const ContainerView* const container = FindContainer(Postings(t).postings, chunk);
    if (container == nullptr) {
      ranks.assign(num_docs_, kNoRank);
      continue;
    }
    ranks.resize(num_docs_);
    kernels.find_ranks(*container, container->window_ranks, docs.data(), num_docs_, ranks.data());
  }
}

void PhraseLeaf::FindSmallestTfs() {
  std::fill_n(smallest_tfs_.begin(), num_docs_, std::numeric_limits<TermFrequency>::max());
  for (size_t t = 0; t < terms_.size(); ++t) {
    const FrequencyView& frequencies = Postings(t).postings.frequencies();
    for (size_t i = 0; i < num_docs_; ++i) {
      const uint32_t rank = terms_[t].ranks[i];
      const TermFrequency tf = rank == kNoRank ? 0 : frequencies.At(rank);
      smallest_tfs_[i] = std::min(smallest_tfs_[i], tf);
    }
  }
}

void PhraseLeaf::Keep(const bool* keep) {
  size_t kept = 0;
  for (size_t i = 0; i < num_docs_; ++i) {
    if (!keep[i]) continue;
    docs_[kept] = docs_[i];
    k_[kept] = k_[i];
    smallest_tfs_[kept] = smallest_tfs_[i];
    for (Term& term : terms_) term.ranks[kept] = term.ranks[i];
    ++kept;
  }
  for (Term& term : terms_) term.ranks.resize(kept);
  num_docs_ = kept;
}

absl::Status PhraseLeaf::Decide(const bool* wanted) {
  if (field_ || options_.slop != 0 || slots_.size() > kMaxSlicedTerms) {
    for (size_t i = 0; i < num_docs_; ++i) RETURN_IF_ERROR(DecideByPositions(i));
    return absl::OkStatus();
  }
  return DecideBySlices(wanted);
}

absl::Status PhraseLeaf::DecideBySlices(const bool* wanted) {
  for (Term& term : terms_) RETURN_IF_ERROR(term.positions.Load(term.ranks, term.slices));
  if (slots_.size() == 2) {
    DecidePairs(wanted);
  } else {
    for (size_t i = 0; i < num_docs_; ++i) {
      frequencies_[i] = SliceFrequency(i, wanted == nullptr || wanted[i]);
    }
  }
  const uint8_t* const codes = shard_.length_codes() + size_t{chunk_} * kChunkDocs;
  for (size_t i = 0; i < num_docs_; ++i) {
    if (codes[docs_[i]] > kMaxSlicedLengthCode) RETURN_IF_ERROR(DecideByPositions(i));
  }
  return absl::OkStatus();
}

void PhraseLeaf::DecidePairs(const bool* wanted) {
  static constexpr std::array<bool, kScoreBatch> kAll = [] {
    std::array<bool, kScoreBatch> all{};
    all.fill(true);
    return all;
  }();
  kernels_.count_pairs(terms_[slots_[0]].slices.data(), terms_[slots_[1]].slices.data(), num_docs_,
                       /*distance=*/1, wanted == nullptr ? kAll.data() : wanted,
                       frequencies_.data());
}

float PhraseLeaf::SliceFrequency(size_t i, bool count_all) {
  // The two terms that occur least often decide most documents.
  size_t rarest = 0, next = 1;
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    aligned_slices_[slot] = terms_[slots_[slot]].slices[i];
    const uint32_t count = aligned_slices_[slot].count;
    if (count < aligned_slices_[rarest].count) {
      next = rarest;
      rarest = slot;
    } else if (slot != rarest && (next == rarest || count < aligned_slices_[next].count)) {
      next = slot;
    }
  }
  if (aligned_slices_[rarest].count == 0) return 0;
  if (rarest != next) {
    const size_t left = std::min(rarest, next), right = std::max(rarest, next);
    const bool any = false;
    float pairs = 0;
    kernels_.count_pairs(&aligned_slices_[left], &aligned_slices_[right], 1,
                         static_cast<uint16_t>(right - left), &any, &pairs);
    if (pairs == 0) return 0;
  }
  return ExactFrequency(aligned_slices_, rarest, count_all);
}

absl::Status PhraseLeaf::DecideByPositions(size_t i) {
  const LocalDoc doc = chunk_ * kChunkDocs + docs_[i];
  std::pair<uint32_t, uint32_t> span(0, UINT32_MAX);
  if (field_) {
    ASSIGN_OR_RETURN(span, shard_.FieldSpan(doc, *field_));
    k_[i] = norms_.k[EncodeLength(span.second - span.first)];
  }
  frequencies_[i] = 0;
  for (Term& term : terms_) {
    if (term.ranks[i] == kNoRank) return absl::OkStatus();
    RETURN_IF_ERROR(term.positions.Read(term.ranks[i], term.decoded));
  }
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    aligned_positions_[slot] = Inside(terms_[slots_[slot]].decoded, span);
  }
  frequencies_[i] = matcher_.Frequency(aligned_positions_);
  return absl::OkStatus();
}

}  // namespace canopy
