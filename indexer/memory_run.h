// The postings of one worker's documents, inverted in memory until they are joined or spilled. The
// hot spot of a build: every token of the corpus comes by here once.
//
// A hash table of 8-byte slots (32 bits of the hash, 32 of the entry's offset) leads to a term's
// entry: a header, the term's bytes and the first slice of its posting stream (posting_stream.h,
// slices.h), all in one piece of an arena, so that a rare term costs two or three cache lines in
// all. Tokens are gathered in blocks and taken through three passes (find the slot, find the entry,
// append), each of which prefetches what the next one touches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/arena.h"
#include "indexer/slices.h"

namespace canopy {

// (field, documents that hold a term in that field).
using FieldDfs = std::vector<std::pair<uint32_t, uint64_t>>;

// Where a term stands: terms compare first by their first 8 bytes as a big-endian number.
uint64_t TermPrefix(std::string_view term);

// Documents and their terms come first, then Sort, then the sorted terms are read (by RunCursor,
// also by many threads at once); Clear gives the memory back and begins anew. Thread safety: none
// while it is filled; immutable after Sort.
class MemoryRun final {
 public:
  // RESOURCE_EXHAUSTED: the system refuses the address space.
  static absl::StatusOr<std::unique_ptr<MemoryRun>> Create();

  // REQUIRES: documents ascend; Sort was not called since Clear.
  void BeginDocument(uint32_t doc) {
    doc_ = doc;
    position_ = 0;
  }
  void BeginField(uint16_t field) { field_ = field; }
  // The next term of the field. REQUIRES: 1 to 255 bytes.
  void AddTerm(std::string_view term);
  // Terms since BeginDocument.
  uint32_t position() const { return position_; }
  // Inverts the terms that were only gathered so far. RESOURCE_EXHAUSTED: a document's terms do not
  // fit; the run is then of no use.
  absl::Status Flush();
  // What the next Flush will return at least.
  const absl::Status& status() const { return status_; }

  bool empty() const { return num_terms_ == 0 && num_tokens_ == 0; }
  // Memory held, with what sorting takes and, if the table has to grow soon, with what that takes.
  size_t MemoryBytes() const;
  // Bytes that the arena can still take before the run has to be spilled, whatever the budget.
  bool IsFull() const { return arena_.used_bytes() >= kFullBytes; }

  // Makes the terms readable in ascending order. Call Flush first.
  void Sort();
  void Clear();

  // The sorted terms. `index` < num_terms().
  uint32_t num_terms() const { return num_terms_; }
  uint64_t prefix(uint32_t index) const { return sorted_[index].prefix; }
  std::string_view term(uint32_t index) const { return TermOf(*EntryAt(sorted_[index].entry)); }
  // Appends the posting stream's bytes.
  void AppendPostings(uint32_t index, std::string& bytes) const;
  // Appends the documents of the term by field, in no particular order.
  void AppendFieldDfs(uint32_t index, FieldDfs& dfs) const;
  // Fetches what the calls above touch into the cache; any index.
  void Prefetch(uint32_t index) const;
  // The index of the first term that is not below `term`.
  uint32_t LowerBound(std::string_view term) const;
  // Terms so chosen that about kSampleBytes of postings lie between two of them.
  const std::vector<std::string>& samples() const { return samples_; }

  static constexpr size_t kSampleBytes = 64 << 10;

 private:
  // The documents of a term in one field. The nodes of a term form a ring in which the last one
  // used is the entry point: documents have their fields in much the same order, so the next field
  // is mostly the next node.
  struct FieldNode {
    uint32_t next = 0;  // offset of a FieldNode
    uint32_t df = 0;
    uint16_t field = 0;
    uint8_t term_size = 0;  // of the entry that begins with this node; here because there is room
  };
  struct Entry {
    SliceTail tail;
    uint32_t last_doc = 0;
    uint32_t last_position = 0;
    uint32_t field_node = 0;  // offset of the node used last
    FieldNode node;
    // The term and the first slice follow.
  };
  static_assert(sizeof(Entry) == 32);
  struct Token {
    uint32_t hash;
    uint32_t slot;
    uint32_t entry;
    uint32_t doc;
    uint32_t position;
    uint32_t text;  // offset in text_
    uint16_t field;
    uint8_t size;
  };
  struct SortedTerm {
    uint64_t prefix;
    uint32_t entry;
  };

  static constexpr size_t kBlockTokens = 128;
  // What one token takes of the arena at most: a new entry with its node and slice, or 3 slices (10
  // bytes fill 2).
  static constexpr size_t kMaxTokenBytes = 4096;
  static constexpr size_t kFullBytes = size_t{2} << 30;
  static constexpr uint32_t kNoDoc = 0xffffffff;
  static constexpr int kMinTableBits = 12;

  explicit MemoryRun(Arena arena) : arena_(std::move(arena)) {}

  Entry* EntryAt(uint32_t offset) const { return arena_.At<Entry>(offset); }
  static std::string_view TermOf(const Entry& entry) {
    return {reinterpret_cast<const char*>(&entry + 1), entry.node.term_size};
  }
  static uint32_t FirstSliceBytes(uint32_t term_size) { return 8 + (-term_size & 3); }

  uint64_t* slots() const { return reinterpret_cast<uint64_t*>(table_.data()); }
  size_t num_slots() const { return size_t{1} << table_bits_; }
  size_t TableBytes() const { return num_slots() * sizeof(uint64_t); }
  uint32_t SlotOf(uint32_t hash) const { return hash >> (32 - table_bits_); }
  bool TableIsFull(size_t more) const { return (num_terms_ + more) * 10 > num_slots() * 7; }
  absl::Status GrowTable();

  absl::Status InvertBlock();
  void FindSlots();
  void FindEntries();
  void AppendTokens();
  uint32_t Insert(const Token& token);
  void AppendToken(const Token& token);
  void CountField(Entry& entry, uint16_t field);
  size_t EstimatedBytes(const Entry& entry) const;

  Arena arena_;
  PageBuffer table_;  // its first num_slots() slots; a cleared run uses few of a large table's
  int table_bits_ = 0;
  uint32_t num_terms_ = 0;

  uint32_t doc_ = 0;
  uint32_t position_ = 0;
  uint16_t field_ = 0;
  absl::Status status_;  // of InvertBlock, until Flush tells it
  size_t num_tokens_ = 0;
  uint32_t text_size_ = 0;
  Token tokens_[kBlockTokens];
  char text_[kBlockTokens * 256];

  std::vector<SortedTerm> sorted_;
  std::vector<std::string> samples_;
};

}  // namespace canopy
