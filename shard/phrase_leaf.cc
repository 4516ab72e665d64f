#include "shard/phrase_leaf.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "shard/length_code.h"
#include "shard/query_scope.h"
#include "shard/query_validation.h"
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
static_assert(kDecodedLengths[kMaxSlicedLengthCode + 1] + kMaxPhraseTerms < 1 << 16);
// Terms that are looked up at a time.
constexpr size_t kTermsTogether = 16;
// Finding a posting's positions costs as much as so many of them.
constexpr size_t kSeekWork = 64;
// Pairs are counted in documents of so many positions at a time.
constexpr size_t kPairWork = 8192;

constexpr std::array<bool, kScoreBatch> kNone = {};
constexpr std::array<bool, kScoreBatch> kAll = [] {
  std::array<bool, kScoreBatch> all{};
  all.fill(true);
  return all;
}();

// Only the positions inside [first, second).
TermPositions Inside(absl::Span<const uint32_t> positions, std::pair<uint32_t, uint32_t> span) {
  const auto begin = std::lower_bound(positions.begin(), positions.end(), span.first);
  const auto end = std::lower_bound(begin, positions.end(), span.second);
  return {positions.data() + (begin - positions.begin()), static_cast<uint32_t>(end - begin)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PhraseLeaf>> PhraseLeaf::Make(const ShardFile& shard,
                                                             const ShardQuery& query, float boost,
                                                             Poll& poll) {
  std::unique_ptr<PhraseLeaf> leaf(
      new PhraseLeaf(shard, {.slop = query.slop, .has_repeats = HasRepeats(query.terms)}));
  const CollectionStats& stats = shard.stats();
  leaf->average_length_ = ScopeAverageLength(stats, query.field);
  leaf->norms_ = LengthNorms::Make(stats.k1, stats.b, leaf->average_length_);
  if (!query.field.empty() && shard.has_field_spans()) {
    leaf->field_ = shard.FieldNumber(query.field);
  }
  ASSIGN_OR_RETURN(const bool all_there, leaf->AddTerms(query, poll));
  if (!all_there) return std::unique_ptr<PhraseLeaf>();
  leaf->weight_ *= boost;
  return leaf;
}

absl::StatusOr<bool> PhraseLeaf::AddTerms(const ShardQuery& query, Poll& poll) {
  std::unordered_map<std::string_view, uint32_t> places;
  std::vector<std::string_view> distinct;
  for (const std::string& term : query.terms) {
    const auto [place, fresh] = places.try_emplace(term, static_cast<uint32_t>(distinct.size()));
    slots_.push_back(place->second);
    if (fresh) distinct.push_back(term);
  }
  std::vector<float> idfs;
  for (size_t begin = 0; begin < distinct.size(); begin += kTermsTogether) {
    ASSIGN_OR_RETURN(const bool all_there,
                     AddTerms(absl::MakeSpan(distinct).subspan(begin, kTermsTogether), poll, idfs));
    if (!all_there) return false;
  }
  double idf = 0;
  for (const uint32_t slot : slots_) idf += idfs[slot];
  candidates_.num_required = candidates_.terms.size();
  weight_ = static_cast<float>(idf);
  rarest_slots_ = RarestSlots();
  aligned_slices_.resize(slots_.size());
  aligned_positions_.resize(slots_.size());
  return true;
}

absl::StatusOr<bool> PhraseLeaf::AddTerms(absl::Span<const std::string_view> distinct, Poll& poll,
                                          std::vector<float>& idfs) {
  if (poll.ShouldStop(kFindTermWork * distinct.size())) return poll.status();
  std::array<std::optional<TermInfo>, kTermsTogether> infos;
  RETURN_IF_ERROR(shard_.FindTerms(distinct, absl::MakeSpan(infos).first(distinct.size())));
  for (size_t i = 0; i < distinct.size(); ++i) {
    const std::optional<TermInfo>& info = infos[i];
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
  return true;
}

std::pair<size_t, size_t> PhraseLeaf::RarestSlots() const {
  std::vector<size_t> order(slots_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return Postings(slots_[a]).postings.df() < Postings(slots_[b]).postings.df();
  });
  const size_t next = order.size() > 1 ? order[1] : order[0];
  return std::minmax(order[0], next);
}

uint64_t PhraseLeaf::postings() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < terms_.size(); ++i) sum += Postings(i).postings.df();
  return sum;
}

absl::Status PhraseLeaf::Start(uint32_t chunk, absl::Span<const uint16_t> docs, Poll& poll) {
  CHECK(docs.size() <= kScoreBatch);
  chunk_ = chunk;
  num_docs_ = docs.size();
  std::copy(docs.begin(), docs.end(), docs_.begin());
  const SetKernels& kernels = CurrentSetKernels();
  const uint8_t* const codes = shard_.length_codes() + size_t{chunk} * kChunkDocs;
  for (size_t i = 0; i < num_docs_; ++i) k_[i] = norms_.k[codes[docs[i]]];
  for (size_t t = 0; t < terms_.size(); ++t) {
    if (poll.ShouldStop(num_docs_)) return poll.status();
    std::vector<uint32_t>& ranks = terms_[t].ranks;
    const ContainerView* const container = FindContainer(Postings(t).postings, chunk);
    if (container == nullptr) {
      ranks.assign(num_docs_, kNoRank);
      continue;
    }
    ranks.resize(num_docs_);
    kernels.find_ranks(*container, container->window_ranks, docs.data(), num_docs_, ranks.data());
  }
  return absl::OkStatus();
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

absl::Status PhraseLeaf::Decide(const bool* wanted, Poll& poll) {
  if (!field_ && options_.slop == 0) return DecideBySlices(wanted, poll);
  for (size_t i = 0; i < num_docs_; ++i) RETURN_IF_ERROR(DecideByPositions(i, poll));
  return absl::OkStatus();
}

absl::Status PhraseLeaf::DecideBySlices(const bool* wanted, Poll& poll) {
  const auto [left, right] = rarest_slots_;
  for (const uint32_t t : {slots_[left], slots_[right]}) {
    RETURN_IF_ERROR(terms_[t].positions.Load(terms_[t].ranks, terms_[t].slices, poll));
    if (slots_[left] == slots_[right]) break;
  }
  if (slots_.size() == 2) {
    RETURN_IF_ERROR(CountRarestPairs(wanted == nullptr ? kAll.data() : wanted, poll));
  } else {
    RETURN_IF_ERROR(CountRarestPairs(kNone.data(), poll));
    RETURN_IF_ERROR(DecideByAllSlices(wanted, poll));
  }
  const uint8_t* const codes = shard_.length_codes() + size_t{chunk_} * kChunkDocs;
  for (size_t i = 0; i < num_docs_; ++i) {
    if (codes[docs_[i]] > kMaxSlicedLengthCode) RETURN_IF_ERROR(DecideByPositions(i, poll));
  }
  return absl::OkStatus();
}

// In each document, how often the two rarest slots are as far apart as in the phrase, or whether.
absl::Status PhraseLeaf::CountRarestPairs(const bool* count_all, Poll& poll) {
  const auto [left, right] = rarest_slots_;
  const PositionSlice* const a = terms_[slots_[left]].slices.data();
  const PositionSlice* const b = terms_[slots_[right]].slices.data();
  for (size_t from = 0, end = 0; from < num_docs_; from = end) {
    size_t work = 0;
    for (; end < num_docs_ && work < kPairWork; ++end) work += a[end].count + b[end].count;
    if (poll.ShouldStop(work)) return poll.status();
    kernels_.count_pairs(a + from, b + from, end - from, static_cast<uint16_t>(right - left),
                         count_all + from, frequencies_.data() + from);
  }
  return absl::OkStatus();
}

// In the documents that have the two rarest slots, loads the other terms too.
absl::Status PhraseLeaf::DecideByAllSlices(const bool* wanted, Poll& poll) {
  for (size_t t = 0; t < terms_.size(); ++t) {
    if (t == slots_[rarest_slots_.first] || t == slots_[rarest_slots_.second]) continue;
    Term& term = terms_[t];
    needed_ranks_.assign(num_docs_, kNoRank);
    for (size_t i = 0; i < num_docs_; ++i) {
      if (frequencies_[i] != 0) needed_ranks_[i] = term.ranks[i];
    }
    RETURN_IF_ERROR(term.positions.Load(needed_ranks_, term.slices, poll));
  }
  for (size_t i = 0; i < num_docs_; ++i) {
    if (frequencies_[i] == 0) continue;
    size_t lead = 0;
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      aligned_slices_[slot] = terms_[slots_[slot]].slices[i];
      if (aligned_slices_[slot].count < aligned_slices_[lead].count) lead = slot;
    }
    const bool count_all = wanted == nullptr || wanted[i];
    ASSIGN_OR_RETURN(frequencies_[i],
                     ExactFrequency<PositionSlice>(aligned_slices_, lead, count_all, poll));
  }
  return absl::OkStatus();
}

absl::Status PhraseLeaf::DecideByPositions(size_t i, Poll& poll) {
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
    if (poll.ShouldStop(kSeekWork + term.decoded.size())) return poll.status();
  }
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    aligned_positions_[slot] = Inside(terms_[slots_[slot]].decoded, span);
  }
  ASSIGN_OR_RETURN(frequencies_[i], matcher_.Frequency(aligned_positions_, slots_, poll));
  return absl::OkStatus();
}

}  // namespace canopy
