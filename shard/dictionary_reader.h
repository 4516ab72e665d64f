// Looks terms up in the dictionary of a shard: a binary search over the first eight bytes of every
// sixteenth term, then a scan of one front-coded block. In a query's flow: the first thing a term
// meets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/sections.h"
#include "shard/varint.h"

namespace canopy {

// A term as the dictionary describes it. All but df, global_df and ordinal is for shard/ only.
struct TermInfo {
  uint32_t df = 0;         // documents in this shard
  uint64_t global_df = 0;  // documents in the collection
  uint64_t ordinal = 0;    // place in the shard's dictionary

  uint64_t postings =
      0;  // where they start in their section, and their bytes; df = 1: none, see below
  uint64_t postings_size = 0;
  uint64_t positions = 0;
  uint64_t positions_size = 0;
  uint32_t single_doc = 0;  // df = 1: the posting
  uint32_t single_tf = 0;
  uint32_t only_field = 0;  // the one field that has the term, or kSeveralFields
  uint64_t field_dfs = 0;   // kSeveralFields: where they stand in the dictionary section

  static constexpr uint32_t kSeveralFields = UINT32_MAX;
};

// What the numbers of dictionary entries must not exceed.
struct DictionaryLimits {
  uint64_t docs = 0;  // of the shard
  uint64_t collection_docs = 0;
  uint64_t terms = 0;
  uint64_t postings_bytes = 0;
  uint64_t positions_bytes = 0;
};

// Thread safety: immutable. Lifetime: borrows the mapped file.
class DictionaryReader final {
 public:
  using FieldDfs = std::vector<std::pair<uint32_t, uint64_t>>;  // by field

  DictionaryReader() = default;
  // DATA_LOSS: the sections' lengths do not fit the number of terms. Takes no time that grows with
  // the dictionary.
  static absl::StatusOr<DictionaryReader> Open(const SectionTable& sections,
                                               const DictionaryLimits& limits);

  // nullopt: not in the dictionary. DATA_LOSS: the term's block is damaged.
  absl::StatusOr<std::optional<TermInfo>> Find(std::string_view term) const;
  // The same of each of `terms`, into `infos`. Most of a lookup is waiting for memory, and here
  // those waits overlap. REQUIRES: the spans have the same size.
  absl::Status FindAll(absl::Span<const std::string_view> terms,
                       absl::Span<std::optional<TermInfo>> infos) const;
  // Documents of the collection by field; fields without the term are left out.
  absl::StatusOr<FieldDfs> GlobalFieldDfs(const TermInfo& term) const;
  uint64_t terms() const { return limits_.terms; }

 private:
  friend class TermCursor;
  class BlockReader;

  uint64_t blocks() const { return keys_.size(); }
  // The block's bytes; DATA_LOSS when its place is out of bounds.
  absl::StatusOr<std::string_view> Block(uint64_t block) const;
  absl::StatusOr<std::string_view> FirstTerm(uint64_t block) const;
  // The last block whose first term is not above `term`; nothing when there is none.
  absl::StatusOr<std::optional<uint64_t>> FindBlock(std::string_view term) const;
  absl::StatusOr<std::optional<TermInfo>> FindInBlock(uint64_t block, std::string_view term) const;
  uint64_t TermsInBlock(uint64_t block) const;

  const Section* section_ = nullptr;
  absl::Span<const uint64_t> keys_;
  absl::Span<const uint32_t> places_;
  DictionaryLimits limits_;
};

// Walks over all terms in order. Thread safety: one thread. Lifetime: borrows the reader.
class TermCursor final {
 public:
  explicit TermCursor(const DictionaryReader& dictionary) : dictionary_(dictionary) {}

  // Goes to the next term, at first to the first; false at the end. DATA_LOSS: a block is damaged
  // (entries cut, terms that do not ascend, bytes left over, keys that are not those of the
  // blocks).
  absl::StatusOr<bool> Next();
  const std::string& term() const { return term_; }
  const TermInfo& info() const { return info_; }

 private:
  absl::Status LoadBlock();

  const DictionaryReader& dictionary_;
  uint64_t next_block_ = 0;
  std::vector<std::pair<std::string, TermInfo>> block_;
  size_t place_ = 0;
  std::string term_;
  TermInfo info_;
};

// The key of a term in `dictionary_keys`.
uint64_t DictionaryKey(std::string_view term);

}  // namespace canopy
