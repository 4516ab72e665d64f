#include "shard/phrase_leaf.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "shard/query_scope.h"

namespace canopy {
namespace {

bool HasRepeats(const std::vector<std::string>& terms) {
  std::vector<std::string_view> sorted(terms.begin(), terms.end());
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PhraseLeaf>> PhraseLeaf::Make(const ShardFile& shard,
                                                             const ShardQuery& query, float boost) {
  std::unique_ptr<PhraseLeaf> leaf(
      new PhraseLeaf(shard, {.slop = query.slop, .has_repeats = HasRepeats(query.terms)}));
  const CollectionStats& stats = shard.stats();
  leaf->norms_ = LengthNorms::Make(stats.k1, stats.b, ScopeAverageLength(stats, query.field));
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
      Positions positions;
      ASSIGN_OR_RETURN(positions.reader, shard_.Positions(*info, flat.postings));
      auto& terms = candidates_.terms.size() < kMaxFlatTerms ? candidates_.terms : more_terms_;
      terms.push_back(std::move(flat));
      positions_.push_back(std::move(positions));
    }
    idf += idfs[place->second];
  }
  candidates_.num_required = candidates_.terms.size();
  weight_ = static_cast<float>(idf);
  aligned_.resize(slots_.size());
  return true;
}

TermPositions PhraseLeaf::Inside(TermPositions positions, std::pair<uint32_t, uint32_t> span) {
  const auto begin = std::lower_bound(positions.begin(), positions.end(), span.first);
  const auto end = std::lower_bound(begin, positions.end(), span.second);
  return {begin, static_cast<size_t>(end - begin)};
}

absl::StatusOr<bool> PhraseLeaf::Decode(size_t i) {
  for (size_t t = 0; t < positions_.size(); ++t) {
    Positions& positions = positions_[t];
    const uint32_t rank = positions.ranks[i];
    if (rank == kNoRank) return false;
    const TermFrequency tf = Term(t).postings.frequencies().At(rank);
    positions.decoded.clear();
    RETURN_IF_ERROR(positions.reader.Read(rank, tf, positions.decoded));
  }
  return true;
}

absl::Status PhraseLeaf::Frequencies(uint32_t chunk, const uint16_t* docs, size_t n,
                                     float* frequencies, float* k) {
  const SetKernels& kernels = CurrentSetKernels();
  for (size_t t = 0; t < positions_.size(); ++t) {
    positions_[t].ranks.assign(n, kNoRank);
    const ContainerView* const container = FindContainer(Term(t).postings, chunk);
    if (container == nullptr) continue;
    kernels.find_ranks(*container, container->window_ranks, docs, n, positions_[t].ranks.data());
  }
  for (size_t i = 0; i < n; ++i) {
    const LocalDoc doc = chunk * kChunkDocs + docs[i];
    uint8_t code = shard_.length_codes()[doc];
    std::pair<uint32_t, uint32_t> span(0, UINT32_MAX);
    if (field_) {
      ASSIGN_OR_RETURN(span, shard_.FieldSpan(doc, *field_));
      code = EncodeLength(span.second - span.first);
    }
    k[i] = norms_.k[code];
    frequencies[i] = 0;
    ASSIGN_OR_RETURN(const bool has_all_terms, Decode(i));
    if (!has_all_terms) continue;
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      aligned_[slot] = positions_[slots_[slot]].decoded;
      if (field_) aligned_[slot] = Inside(aligned_[slot], span);
    }
    frequencies[i] = matcher_.Frequency(aligned_);
  }
  return absl::OkStatus();
}

}  // namespace canopy
