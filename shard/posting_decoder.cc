#include "shard/posting_decoder.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/varint.h"

namespace canopy {

TermFrequency FrequencyView::Escaped(uint32_t rank) const {
  const auto escape =
      std::lower_bound(escapes.begin(), escapes.end(), rank,
                       [](const FrequencyEscape& e, uint32_t r) { return e.rank < r; });
  return escape != escapes.end() && escape->rank == rank ? escape->tf : 255;
}

void PostingDecoder::AllocateScratch(uint32_t df, PostingList& list) {
  list.df_ = df;
  list.scratch_.reset(new uint16_t[df + (df + 1) / 2]);
  list.frequencies_.bytes = reinterpret_cast<const uint8_t*>(list.scratch_.get() + df);
}

void PostingDecoder::SetTf(uint32_t rank, TermFrequency tf, PostingList& list) {
  auto* bytes = reinterpret_cast<uint8_t*>(list.scratch_.get() + list.df_);
  bytes[rank] = static_cast<uint8_t>(std::min<TermFrequency>(tf, 255));
  if (tf >= 255) list.escape_scratch_.push_back({rank, tf});
}

// The dictionary reader has checked that the document exists.
PostingList PostingDecoder::DecodeSingle(const TermInfo& term) const {
  PostingList list;
  AllocateScratch(1, list);
  list.scratch_[0] = static_cast<uint16_t>(term.single_doc);
  SetTf(0, term.single_tf, list);
  list.frequencies_.escapes = list.escape_scratch_;
  ContainerView view;
  view.chunk = static_cast<uint16_t>(term.single_doc / kChunkDocs);
  view.max_bound = BoundTable::Byte(bounds_.Ratio(term.single_tf, length_codes_[term.single_doc]));
  view.cardinality = 1;
  view.array = list.scratch_.get();
  list.containers_.push_back(view);
  return list;
}

absl::StatusOr<PostingList> PostingDecoder::DecodeShort(const TermInfo& term) const {
  VarintCursor cursor(section_->bytes.substr(term.postings, term.postings_size));
  PostingList list;
  AllocateScratch(term.df, list);
  const uint8_t max_bound = cursor.U8();
  uint64_t next_doc = 0;
  for (uint32_t rank = 0; rank < term.df; ++rank) {
    const uint64_t value = cursor.Varint();
    const uint64_t tf = value & 1 ? uint64_t{cursor.Varint32()} + 2 : 1;
    const uint64_t doc = next_doc + (value >> 1);
    if (!cursor.ok() || doc >= length_codes_.size() || tf > UINT32_MAX) {
      return section_->Damage(
          term.postings, Concat("posting ", rank, " of ", term.df, " is cut or out of bounds"));
    }
    const auto chunk = static_cast<uint16_t>(doc / kChunkDocs);
    if (list.containers_.empty() || list.containers_.back().chunk != chunk) {
      ContainerView view;
      view.chunk = chunk;
      view.max_bound = max_bound;
      view.first_rank = rank;
      view.array = list.scratch_.get() + rank;
      list.containers_.push_back(view);
    }
    ++list.containers_.back().cardinality;
    list.scratch_[rank] = static_cast<uint16_t>(doc);
    SetTf(rank, static_cast<TermFrequency>(tf), list);
    next_doc = doc + 1;
  }
  if (!cursor.done())
    return section_->Damage(term.postings + cursor.offset(),
                            "bytes are left over after the postings");
  list.frequencies_.escapes = list.escape_scratch_;
  return list;
}

// Checks a long list's directory against the one layout that its numbers allow.
class PostingDecoder::LongReader final {
 public:
  LongReader(const Section& section, const TermInfo& term, uint64_t docs)
      : section_(section),
        term_(term),
        docs_(docs),
        blob_(section.begin() + term.postings),
        size_(term.postings_size) {}

  absl::StatusOr<PostingList> Read() {
    list_.df_ = term_.df;
    RETURN_IF_ERROR(ReadCounts());
    RETURN_IF_ERROR(ReadContainers());
    RETURN_IF_ERROR(PlaceWindowDirectories());
    RETURN_IF_ERROR(PlaceData());
    RETURN_IF_ERROR(PlaceFrequencies());
    return std::move(list_);
  }

 private:
  absl::Status Damage(uint64_t offset, std::string_view problem) const {
    return section_.Damage(term_.postings + offset, problem);
  }
  uint64_t EntryAt(size_t i) const { return 8 + i * kContainerEntryBytes; }

  absl::Status ReadCounts() {
    if (size_ < 8) return Damage(0, Concat("postings of ", size_, " bytes"));
    containers_ = LoadAs<uint32_t>(blob_);
    escapes_ = LoadAs<uint32_t>(blob_ + 4);
    end_ = EntryAt(containers_);
    const uint64_t chunks = (docs_ + kChunkDocs - 1) / kChunkDocs;
    if (containers_ > chunks || escapes_ > term_.df || end_ > size_) {
      return Damage(0, Concat(containers_, " containers of ", chunks, " chunks, ", escapes_,
                              " escapes of ", term_.df, " postings, in ", size_, " bytes"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadContainers() {
    list_.containers_.resize(containers_);
    uint64_t rank = 0;
    int64_t last_chunk = -1;
    for (uint32_t i = 0; i < containers_; ++i) {
      const uint8_t* entry = blob_ + EntryAt(i);
      ContainerView& view = list_.containers_[i];
      view.chunk = LoadAs<uint16_t>(entry);
      view.cardinality = uint32_t{LoadAs<uint16_t>(entry + 2)} + 1;
      view.first_rank = LoadAs<uint32_t>(entry + 4);
      view.max_bound = entry[13];
      const uint8_t type =
          view.cardinality > kMaxArrayPostings ? kBitsetContainer : kArrayContainer;
      if (view.chunk <= last_chunk || uint64_t{view.chunk} * kChunkDocs >= docs_ ||
          view.first_rank != rank || entry[12] != type || view.max_bound == 0) {
        return Damage(EntryAt(i),
                      Concat("container ", i, ": chunk ", view.chunk, " after ", last_chunk, ", ",
                             view.cardinality, " postings from rank ", view.first_rank, ", type ",
                             entry[12], ", bound ", view.max_bound));
      }
      rank += view.cardinality;
      last_chunk = view.chunk;
    }
    if (rank != term_.df)
      return Damage(0, Concat("containers hold ", rank, " postings, expected ", term_.df));
    return absl::OkStatus();
  }

  absl::Status PlaceWindowDirectories() {
    for (ContainerView& view : list_.containers_) {
      if (view.cardinality < kMinDirectoryPostings) continue;
      view.window_ranks = reinterpret_cast<const uint16_t*>(blob_ + end_);
      view.word_bounds = blob_ + end_ + kWindowRanksBytes;
      end_ += kWindowDirectoryBytes;
    }
    return CheckEnd("window directories");
  }

  absl::Status PlaceData() {
    for (uint32_t i = 0; i < containers_; ++i) {
      ContainerView& view = list_.containers_[i];
      const bool bitset = view.cardinality > kMaxArrayPostings;
      if (bitset) end_ = AlignUp(end_, kSectionAlignment);
      const uint32_t place = LoadAs<uint32_t>(blob_ + EntryAt(i) + 8);
      if (place != end_)
        return Damage(EntryAt(i) + 8, Concat("container ", i, " at ", place, ", expected ", end_));
      if (bitset) {
        view.bitset = reinterpret_cast<const uint64_t*>(blob_ + end_);
        end_ += kBitsetBytes;
      } else {
        view.array = reinterpret_cast<const uint16_t*>(blob_ + end_);
        end_ += view.cardinality * sizeof(uint16_t);
      }
      has_bitset_ |= bitset;
    }
    const uint64_t alignment = has_bitset_ ? kSectionAlignment : 8;
    if (reinterpret_cast<uintptr_t>(blob_) % alignment != 0) {
      return Damage(0, Concat("postings do not start at a multiple of ", alignment));
    }
    return CheckEnd("containers");
  }

  absl::Status PlaceFrequencies() {
    list_.frequencies_.bytes = blob_ + end_;
    const uint64_t escapes_at = AlignUp(end_ + term_.df, sizeof(uint32_t));
    end_ = escapes_at + uint64_t{escapes_} * sizeof(FrequencyEscape);
    if (end_ != size_) return Damage(0, Concat("postings of ", size_, " bytes, expected ", end_));
    list_.frequencies_.escapes =
        absl::MakeConstSpan(reinterpret_cast<const FrequencyEscape*>(blob_ + escapes_at), escapes_);
    return absl::OkStatus();
  }

  absl::Status CheckEnd(std::string_view part) const {
    if (end_ <= size_) return absl::OkStatus();
    return Damage(0, Concat(part, " end at ", end_, " of ", size_, " bytes"));
  }

  const Section& section_;
  const TermInfo& term_;
  const uint64_t docs_;
  const uint8_t* const blob_;
  const uint64_t size_;
  PostingList list_;
  uint32_t containers_ = 0;
  uint32_t escapes_ = 0;
  uint64_t end_ = 0;  // of the part placed last, from the blob's start
  bool has_bitset_ = false;
};

absl::StatusOr<PostingList> PostingDecoder::Decode(const TermInfo& term) const {
  if (term.df == 1) return DecodeSingle(term);
  if (term.df <= kMaxShortPostings) return DecodeShort(term);
  return LongReader(*section_, term, length_codes_.size()).Read();
}

void PostingDecoder::Prefetch(const TermInfo& term) const {
  if (term.df == 1) return;  // in the dictionary
  const char* const begin = section_->bytes.data() + term.postings;
  __builtin_prefetch(begin);
  __builtin_prefetch(begin + 64);
}

}  // namespace canopy
