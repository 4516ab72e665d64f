// How the postings of one term lie in a run, in memory and on disk, from inversion to join:
//
//   posting { 0 posting }
//   posting := varint(document - document of the posting before it; the first: the document itself)
//              varint(first position) { varint(position - position before it; at least 1) }
//
// Varints are LEB128 without needless groups, so after the first position a 0 byte can only be what
// stands between two postings; the number of positions (tf) need not be known when a posting
// begins. The positions are the bytes that TermPostings (shard/shard_writer.h) wants.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/byte_io.h"
#include "base/types.h"

namespace canopy {

// Documents are numbered in 32 bits while they are built into an index.
inline constexpr uint64_t kMaxDocs = 0xfffffffe;

struct Posting {
  uint32_t doc = 0;
  TermFrequency tf = 0;
  const uint8_t* positions = nullptr;
  const uint8_t* positions_end = nullptr;

  size_t positions_size() const { return static_cast<size_t>(positions_end - positions); }
};

// Decodes a stream. Nothing is checked: the bytes come from this process or from a file whose
// checksum was verified. Lifetime: borrows the bytes. Thread safety: none.
class PostingStream final {
 public:
  PostingStream() = default;
  // REQUIRES: bytes[size] is readable and 0.
  PostingStream(const uint8_t* bytes, size_t size) : next_(bytes), end_(bytes + size) {}

  // False at the end.
  bool Next(Posting& posting) {
    if (next_ >= end_) return false;
    uint32_t delta;
    const uint8_t* p = DecodeVarint32(next_, delta);
    doc_ += delta;
    posting.doc = doc_;
    posting.positions = p;
    while (*p >= 0x80) ++p;
    ++p;
    TermFrequency tf = 1;
    for (; *p != 0; ++p) tf += *p < 0x80;
    posting.tf = tf;
    posting.positions_end = p;
    next_ = p + 1;
    return true;
  }

  // What follows the posting that Next gave last: its first document is relative to that posting's.
  const uint8_t* rest() const { return next_; }
  const uint8_t* end() const { return end_; }

 private:
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint32_t doc_ = 0;
};

}  // namespace canopy
