// Lays out the dictionary sections of a shard, term by term. docs/shard_format.md ("The
// dictionary") has the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace canopy {

// What the dictionary says about a term.
struct DictionaryEntry {
  std::string_view term;
  uint32_t df = 0;
  uint64_t global_df = 0;
  absl::Span<const std::pair<uint32_t, uint64_t>> global_field_df;  // empty: only field 0
  uint32_t single_doc = 0;                                          // df = 1
  uint32_t single_tf = 0;
  uint64_t postings_size = 0;  // df > 1
  bool has_bitset = false;
  uint64_t positions_size = 0;
};

// Thread safety: one thread.
class DictionaryWriter final {
 public:
  // Bytes to append to the three sections. The caller empties them when it has written them out.
  struct Output {
    std::string entries, keys, places;
  };

  // Where the postings of `entry` will start; they stand there when Add is called next with the
  // same entry.
  uint64_t PostingsStart(const DictionaryEntry& entry) const;
  // INVALID_ARGUMENT: the term does not ascend, is empty or too long. RESOURCE_EXHAUSTED:
  // kMaxDictionaryBytes.
  absl::Status Add(const DictionaryEntry& entry);
  // Ends the last block; no Add after it.
  void Finish();

  Output& output() { return output_; }
  uint64_t terms() const { return terms_; }

 private:
  void StartBlock(std::string_view term);
  void AddSuffix(std::string_view term);
  void AddValues(const DictionaryEntry& entry);
  void AddFields(const DictionaryEntry& entry);
  // The one field that has the term, or TermInfo::kSeveralFields.
  static uint32_t OnlyField(const DictionaryEntry& entry);

  Output output_;
  std::string last_term_;
  uint64_t terms_ = 0;
  uint64_t postings_end_ = 0;
  uint64_t positions_end_ = 0;
  uint32_t last_field_ = 0;
  uint64_t bytes_ = 0;  // of `dictionary` so far
};

}  // namespace canopy
