#include "shard/check_terms.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "shard/bound.h"
#include "shard/format.h"
#include "shard/length_code.h"
#include "shard/term_bounds_format.h"
#include "shard/varint.h"

namespace canopy {
namespace {

constexpr uint64_t kTermsBetweenCalls = 1 << 12;
constexpr uint64_t kBytesBetweenCalls = 1 << 20;

// Looks at one term's postings and positions. Sums up what the shard as a whole is compared with.
class TermChecker final {
 public:
  explicit TermChecker(const ShardFile& shard)
      : shard_(shard),
        postings_section_(shard.sections().Get(SectionId::kPostings)),
        positions_section_(shard.sections().Get(SectionId::kPositions)),
        bounds_(shard.shard_statistics().average_length, shard.stats().k1, shard.stats().b),
        doc_tokens_(shard.docs()) {}

  absl::Status Check(const TermInfo& term) {
    RETURN_IF_ERROR(CheckFields(term));
    ASSIGN_OR_RETURN(const PostingList list, shard_.Postings(term));
    RETURN_IF_ERROR(CheckPlaces(term, list));
    RETURN_IF_ERROR(CheckUnused(term, list));
    docs_.clear();
    max_bound_ = 0;
    for (const ContainerView& view : list.containers()) {
      RETURN_IF_ERROR(CheckContainer(term, list, view));
      max_bound_ = std::max(max_bound_, view.max_bound);
    }
    RETURN_IF_ERROR(CheckFrequencies(term, list));
    RETURN_IF_ERROR(CheckPositions(term, list));
    postings_ += term.df;
    return absl::OkStatus();
  }

  // What the collection's bounds say of the term that was checked last. A look at their filter is a
  // read of memory in no order.
  absl::Status CompareBounds(const TermBoundsToCheck& bounds, const std::string& term,
                             const TermInfo& info) {
    if (bounds.file->FindRow(term, bounds_place_)) {
      const uint8_t bound = bounds.file->Bound(bounds_place_, shard_.shard());
      const uint64_t least_df = bounds.file->LeastDf(bounds_place_);
      if (bound >= max_bound_ && least_df <= info.global_df) return absl::OkStatus();
      return BoundsDamage(bounds, info,
                          Concat("bound ", int{bound}, ", expected ", int{max_bound_},
                                 "; document frequency ", least_df, " of ", info.global_df));
    }
    if (info.global_df >= LeastFrequentDf(bounds.file->num_shards())) {
      return BoundsDamage(bounds, info, "no row");
    }
    const bool is_there = !bounds.filter || bounds.file->MayHave(term, shard_.shard());
    return is_there ? absl::OkStatus() : BoundsDamage(bounds, info, "not in the filter");
  }

  // Of postings and positions, looked at so far.
  uint64_t bytes() const { return postings_end_ + positions_end_; }

  // After all terms.
  absl::Status CheckSums() const {
    const ShardStatistics& statistics = shard_.shard_statistics();
    if (postings_end_ != postings_section_.size()) {
      return postings_section_.Damage(postings_end_, "bytes of no term");
    }
    if (positions_end_ != positions_section_.size()) {
      return positions_section_.Damage(positions_end_, "bytes of no term");
    }
    if (postings_ != statistics.postings || tokens_ != statistics.tokens) {
      return shard_.sections()
          .Get(SectionId::kStatistics)
          .Damage(0, Concat(statistics.postings, " postings and ", statistics.tokens,
                            " tokens, terms have ", postings_, " and ", tokens_));
    }
    for (LocalDoc doc = 0; doc < shard_.docs(); ++doc) RETURN_IF_ERROR(CheckLength(doc));
    return absl::OkStatus();
  }

 private:
  absl::Status Damage(const TermInfo& term, std::string_view problem) const {
    return postings_section_.Damage(term.postings, Concat("term ", term.ordinal, ": ", problem));
  }

  absl::Status BoundsDamage(const TermBoundsToCheck& bounds, const TermInfo& term,
                            std::string_view problem) const {
    return absl::DataLossError(Concat(bounds.file->path(), ": section \"term_bounds\": term ",
                                      term.ordinal, " of shard ", shard_.shard(), ": ", problem));
  }

  absl::Status CheckFields(const TermInfo& term) const {
    ASSIGN_OR_RETURN(const DictionaryReader::FieldDfs dfs,
                     shard_.dictionary().GlobalFieldDfs(term));
    const bool alone = shard_.stats().docs == shard_.docs();
    uint64_t sum = 0;
    for (const auto& [field, df] : dfs) {
      if (field >= shard_.stats().fields.size() || df > shard_.stats().fields[field].docs) {
        return Damage(term, Concat(df, " documents in field ", field));
      }
      sum += df;
    }
    if (sum < term.global_df || (alone && term.df != term.global_df)) {
      return Damage(
          term, Concat("global df ", term.global_df, ", df ", term.df, ", sum over fields ", sum));
    }
    return absl::OkStatus();
  }

  // Terms' bytes follow each other without holes that a reader would not see.
  absl::Status CheckPlaces(const TermInfo& term, const PostingList& list) {
    if (term.df > 1) {
      const bool bitset =
          std::any_of(list.containers().begin(), list.containers().end(),
                      [](const ContainerView& view) { return view.bitset != nullptr; });
      const uint64_t alignment = bitset ? kSectionAlignment : term.df > kMaxShortPostings ? 8 : 1;
      const uint64_t expected = AlignUp(postings_end_, alignment);
      if (term.postings != expected) return Damage(term, Concat("postings expected at ", expected));
      const std::string_view padding =
          postings_section_.bytes.substr(postings_end_, expected - postings_end_);
      if (padding.find_first_not_of('\0') != std::string_view::npos)
        return Damage(term, "padding is not zero");
      postings_end_ = term.postings + term.postings_size;
    }
    if (term.positions != positions_end_) {
      return positions_section_.Damage(
          term.positions,
          Concat("term ", term.ordinal, ": positions expected at ", positions_end_));
    }
    positions_end_ += term.positions_size;
    return absl::OkStatus();
  }

  // What no reader looks at is zero: reserved bytes and padding of the long form.
  absl::Status CheckUnused(const TermInfo& term, const PostingList& list) const {
    if (term.df <= kMaxShortPostings) return absl::OkStatus();
    const uint8_t* end = postings_section_.begin() + term.postings + kLongHeaderBytes;
    for (size_t i = 0; i < list.containers().size(); ++i) {
      end += kContainerEntryBytes;
      RETURN_IF_ERROR(CheckZeros(end - kContainerReservedBytes, end));
    }
    for (const ContainerView& view : list.containers()) {
      if (view.word_bounds != nullptr) end = view.word_bounds + kBitsetWords;
    }
    for (const ContainerView& view : list.containers()) {
      if (view.bitset != nullptr) {
        RETURN_IF_ERROR(CheckZeros(end, view.bitset));
        end = reinterpret_cast<const uint8_t*>(view.bitset + kBitsetWords);
      } else {
        end = reinterpret_cast<const uint8_t*>(view.array + view.cardinality);
      }
    }
    const FrequencyView& frequencies = list.frequencies();
    return CheckZeros(frequencies.bytes + term.df, frequencies.escapes.data());
  }

  absl::Status CheckZeros(const uint8_t* from, const void* to) const {
    const auto* const end = static_cast<const uint8_t*>(to);
    const uint8_t* const at = std::find_if(from, end, [](uint8_t byte) { return byte != 0; });
    if (at == end) return absl::OkStatus();
    return postings_section_.Damage(at - postings_section_.begin(), "unused byte is not zero");
  }

  absl::Status CheckContainer(const TermInfo& term, const PostingList& list,
                              const ContainerView& view) {
    const size_t first = docs_.size();
    if (view.bitset != nullptr) {
      AppendBitset(view);
    } else {
      for (uint32_t i = 0; i < view.cardinality; ++i) {
        if (i > 0 && view.array[i] <= view.array[i - 1]) {
          return Damage(term, Concat("documents of chunk ", view.chunk, " do not ascend"));
        }
        docs_.push_back(view.chunk * kChunkDocs + view.array[i]);
      }
    }
    if (docs_.size() - first != view.cardinality) {
      return Damage(term, Concat("chunk ", view.chunk, " has ", docs_.size() - first,
                                 " bits, expected ", view.cardinality));
    }
    if (docs_.back() >= shard_.docs())
      return Damage(term, Concat("document ", docs_.back(), " of ", shard_.docs()));
    RETURN_IF_ERROR(CheckMaxBound(term, list, view));
    return view.window_ranks == nullptr ? absl::OkStatus() : CheckWindows(term, list, view);
  }

  void AppendBitset(const ContainerView& view) {
    for (uint32_t i = 0; i < kBitsetWords; ++i) {
      for (uint64_t word = view.bitset[i]; word != 0; word &= word - 1) {
        docs_.push_back(view.chunk * kChunkDocs + i * 64 +
                        static_cast<uint32_t>(std::countr_zero(word)));
      }
    }
  }

  double Ratio(const PostingList& list, uint32_t rank) const {
    return bounds_.Ratio(list.frequencies().At(rank), shard_.length_codes()[docs_[rank]]);
  }

  absl::Status CheckMaxBound(const TermInfo& term, const PostingList& list,
                             const ContainerView& view) const {
    double largest = 0;
    for (uint32_t i = 0; i < view.cardinality; ++i) {
      largest = std::max(largest, Ratio(list, view.first_rank + i));
    }
    if (BoundTable::Byte(largest) <= view.max_bound) return absl::OkStatus();
    return Damage(term,
                  Concat("bound ", int{view.max_bound}, " of chunk ", view.chunk, " is too low"));
  }

  // REQUIRES: the container has a window directory.
  absl::Status CheckWindows(const TermInfo& term, const PostingList& list,
                            const ContainerView& view) const {
    std::array<double, kBitsetWords> ratios{};
    std::array<uint32_t, kWindowsPerChunk> counts{};
    for (uint32_t i = 0; i < view.cardinality; ++i) {
      const uint32_t place = docs_[view.first_rank + i] % kChunkDocs;
      ratios[place / 64] = std::max(ratios[place / 64], Ratio(list, view.first_rank + i));
      ++counts[place / kWindowDocs];
    }
    uint32_t before = 0;
    for (uint32_t window = 0; window < kWindowsPerChunk; ++window) {
      if (view.window_ranks[window] != before) {
        return Damage(term, Concat("window ", window, " of chunk ", view.chunk, ": rank ",
                                   view.window_ranks[window], ", expected ", before));
      }
      before += counts[window];
    }
    for (uint32_t word = 0; word < kBitsetWords; ++word) {
      const uint8_t needed = ratios[word] == 0 ? uint8_t{0} : BoundTable::Byte(ratios[word]);
      const uint8_t bound = view.word_bounds[word];
      if (bound < needed || bound > view.max_bound || (needed == 0 && bound != 0)) {
        return Damage(term, Concat("word ", word, " of chunk ", view.chunk, ": bound ", int{bound},
                                   ", expected ", int{needed}));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckFrequencies(const TermInfo& term, const PostingList& list) const {
    const FrequencyView& frequencies = list.frequencies();
    size_t escape = 0;
    for (uint32_t rank = 0; rank < term.df; ++rank) {
      if (frequencies.bytes[rank] == 0)
        return Damage(term, Concat("posting ", rank, " has frequency 0"));
      if (frequencies.bytes[rank] != 255) continue;
      if (escape >= frequencies.escapes.size() || frequencies.escapes[escape].rank != rank ||
          frequencies.escapes[escape].tf < 255) {
        return Damage(term, Concat("posting ", rank, " has no frequency of 255 or more"));
      }
      ++escape;
    }
    if (escape == frequencies.escapes.size()) return absl::OkStatus();
    return Damage(
        term, Concat(frequencies.escapes.size(), " frequencies of 255 or more, expected ", escape));
  }

  absl::Status CheckPositions(const TermInfo& term, const PostingList& list) {
    ASSIGN_OR_RETURN(PositionReader reader, shard_.Positions(term, list));
    ASSIGN_OR_RETURN(const uint8_t* at, reader.Seek(0));
    const auto damage = [&](uint32_t rank, std::string_view problem) {
      return positions_section_.Damage(
          term.positions, Concat("term ", term.ordinal, ": posting ", rank, ": ", problem));
    };
    for (uint32_t rank = 0; rank < term.df; ++rank) {
      if (rank % kPositionBlockPostings == 0) {
        ASSIGN_OR_RETURN(const PositionBlock block, reader.Block(rank / kPositionBlockPostings));
        if (block.begin != at) return damage(rank, "its block does not start here");
      }
      const TermFrequency tf = list.frequencies().At(rank);
      const uint64_t limit = LengthLimit(docs_[rank]);
      uint64_t position = 0;
      for (TermFrequency i = 0; i < tf; ++i) {
        uint64_t difference = 0;
        at = TakeVarint(at, reader.end(), difference);
        if (at == nullptr) return damage(rank, "positions are cut");
        if (i > 0 && difference == 0) return damage(rank, "positions do not ascend");
        if (difference > kMaxDocTokens || (position += difference) >= limit) {
          return damage(rank, Concat("position ", std::max(position, difference),
                                     " in a document of less than ", limit, " tokens"));
        }
      }
      tokens_ += tf;
      doc_tokens_[docs_[rank]] += tf;
    }
    return at == reader.end() ? absl::OkStatus() : damage(term.df, "bytes are left over");
  }

  // The document has fewer tokens than this.
  uint64_t LengthLimit(LocalDoc doc) const {
    const uint8_t code = shard_.length_codes()[doc];
    return code < 255 ? kDecodedLengths[code + 1] : kMaxDocTokens + 1;
  }

  absl::Status CheckLength(LocalDoc doc) const {
    const uint8_t code = shard_.length_codes()[doc];
    const uint64_t tokens = doc_tokens_[doc];
    if (tokens <= kMaxDocTokens && EncodeLength(static_cast<uint32_t>(tokens)) == code)
      return absl::OkStatus();
    return shard_.sections()
        .Get(SectionId::kLengths)
        .Damage(doc,
                Concat("code ", int{code}, ", terms occur ", tokens, " times in the document"));
  }

  const ShardFile& shard_;
  const Section& postings_section_;
  const Section& positions_section_;
  const BoundTable bounds_;
  std::vector<uint32_t> doc_tokens_;
  std::vector<LocalDoc> docs_;  // of the term that is being checked
  uint8_t max_bound_ = 0;       // of the same
  size_t bounds_place_ = 0;     // in the collection's bounds
  uint64_t postings_end_ = 0;
  uint64_t positions_end_ = 0;
  uint64_t postings_ = 0;
  uint64_t tokens_ = 0;
};

}  // namespace

absl::Status CheckTerms(const ShardFile& shard, const TermBoundsToCheck& bounds,
                        const CheckProgress& progress) {
  TermChecker checker(shard);
  TermCursor cursor(shard.dictionary());
  uint64_t terms = 0, called_at = 0;
  while (true) {
    const bool is_due =
        terms++ % kTermsBetweenCalls == 0 || checker.bytes() - called_at >= kBytesBetweenCalls;
    if (is_due && progress) {
      called_at = checker.bytes();
      RETURN_IF_ERROR(progress(0));
    }
    ASSIGN_OR_RETURN(const bool found, cursor.Next());
    if (!found) break;
    RETURN_IF_ERROR(checker.Check(cursor.info()));
    if (bounds.file == nullptr) continue;
    RETURN_IF_ERROR(checker.CompareBounds(bounds, cursor.term(), cursor.info()));
  }
  return checker.CheckSums();
}

}  // namespace canopy
