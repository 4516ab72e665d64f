#include "leaf/roaring_writer.h"

#include <array>
#include <bit>
#include <utility>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/posting_list.h"
#include "shard/set_kernels.h"

namespace canopy {
namespace {

// Of the format.
constexpr uint32_t kCookie = 12346;          // no container is a run container
constexpr uint32_t kCookieWithRuns = 12347;  // then a bit a container says which are
constexpr size_t kMinOffsets = 4;            // with runs, fewer containers have no offsets

constexpr size_t kBitsetBytes = kBitsetWords * sizeof(uint64_t);

size_t RunBytes(size_t runs) { return sizeof(uint16_t) + runs * 2 * sizeof(uint16_t); }

// Bits of word `w` that begin a run, and those that end one.
uint64_t RunStarts(const uint64_t* words, size_t w) {
  const uint64_t before = w == 0 ? 0 : words[w - 1] >> 63;
  return words[w] & ~(words[w] << 1 | before);
}
uint64_t RunEnds(const uint64_t* words, size_t w) {
  const uint64_t after = w + 1 == kBitsetWords ? 0 : words[w + 1] << 63;
  return words[w] & ~(words[w] >> 1 | after);
}

size_t CountRuns(const uint64_t* words) {
  size_t runs = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) runs += std::popcount(RunStarts(words, w));
  return runs;
}

size_t CountRuns(absl::Span<const uint16_t> docs) {
  size_t runs = 1;
  for (size_t i = 1; i < docs.size(); ++i) runs += docs[i] != docs[i - 1] + 1 ? 1 : 0;
  return runs;
}

template <typename Visit>
void ForEachBit(uint64_t bits, size_t w, Visit visit) {
  for (; bits != 0; bits &= bits - 1) {
    visit(static_cast<uint16_t>(w * 64 + static_cast<size_t>(std::countr_zero(bits))));
  }
}

}  // namespace

absl::Status RoaringWriter::AddArray(uint16_t chunk, absl::Span<const uint16_t> docs) {
  CHECK(!docs.empty() && docs.size() <= kMaxArrayDocs);
  const auto cardinality = static_cast<uint32_t>(docs.size());
  const size_t array_bytes = docs.size() * sizeof(uint16_t);
  const size_t runs = CountRuns(docs);
  if (RunBytes(runs) >= array_bytes) {
    RETURN_IF_ERROR(Begin({chunk, cardinality, /*is_run=*/false, 0}, array_bytes));
    body_.append(reinterpret_cast<const char*>(docs.data()), array_bytes);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Begin({chunk, cardinality, /*is_run=*/true, 0}, RunBytes(runs)));
  ByteWriter(body_).U16(static_cast<uint16_t>(runs));
  size_t first = 0;
  for (size_t i = 1; i <= docs.size(); ++i) {
    if (i < docs.size() && docs[i] == docs[i - 1] + 1) continue;
    AppendRun(docs[first], docs[i - 1]);
    first = i;
  }
  return absl::OkStatus();
}

absl::Status RoaringWriter::AddBitset(uint16_t chunk, const uint64_t* words, uint32_t cardinality) {
  if (cardinality <= kMaxArrayDocs) {
    std::array<uint16_t, kMaxArrayDocs + kArraySlack> docs;
    const uint32_t n = CurrentSetKernels().to_array(words, docs.data());
    return AddArray(chunk, absl::MakeConstSpan(docs.data(), n));
  }
  const size_t runs = CountRuns(words);
  if (RunBytes(runs) >= kBitsetBytes) {
    RETURN_IF_ERROR(Begin({chunk, cardinality, /*is_run=*/false, 0}, kBitsetBytes));
    body_.append(reinterpret_cast<const char*>(words), kBitsetBytes);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Begin({chunk, cardinality, /*is_run=*/true, 0}, RunBytes(runs)));
  ByteWriter(body_).U16(static_cast<uint16_t>(runs));
  std::vector<uint16_t> first, last;
  for (size_t w = 0; w < kBitsetWords; ++w) {
    ForEachBit(RunStarts(words, w), w, [&](uint16_t doc) { first.push_back(doc); });
    ForEachBit(RunEnds(words, w), w, [&](uint16_t doc) { last.push_back(doc); });
  }
  for (size_t i = 0; i < first.size(); ++i) AppendRun(first[i], last[i]);
  return absl::OkStatus();
}

void RoaringWriter::AppendRun(uint16_t first, uint16_t last) {
  ByteWriter out(body_);
  out.U16(first);
  out.U16(static_cast<uint16_t>(last - first));
}

absl::Status RoaringWriter::Begin(Container container, size_t size) {
  any_run_ |= container.is_run;
  RETURN_IF_ERROR(CheckSize(HeaderBytes(containers_.size() + 1) + body_.size() + size));
  container.offset = body_.size();
  containers_.push_back(container);
  return absl::OkStatus();
}

absl::Status RoaringWriter::CheckSize(size_t bytes) const {
  if (bytes <= max_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(Concat("the bitmap takes ", bytes,
                                             " bytes or more, over the limit of ", max_bytes_,
                                             " (postings bytes)"));
}

size_t RoaringWriter::HeaderBytes(size_t containers) const {
  const size_t descriptions = containers * 2 * sizeof(uint16_t);
  const size_t offsets = containers * sizeof(uint32_t);
  if (!any_run_) return 2 * sizeof(uint32_t) + descriptions + offsets;
  return sizeof(uint32_t) + (containers + 7) / 8 + descriptions +
         (containers >= kMinOffsets ? offsets : 0);
}

absl::StatusOr<std::string> RoaringWriter::Finish() && {
  const size_t n = containers_.size();
  const size_t header_bytes = HeaderBytes(n);
  RETURN_IF_ERROR(CheckSize(header_bytes + body_.size()));
  std::string bitmap;
  bitmap.reserve(header_bytes + body_.size());
  ByteWriter out(bitmap);
  if (any_run_) {
    out.U32(kCookieWithRuns | static_cast<uint32_t>(n - 1) << 16);
    std::string is_run((n + 7) / 8, '\0');
    for (size_t i = 0; i < n; ++i) {
      if (containers_[i].is_run) is_run[i / 8] |= static_cast<char>(1 << i % 8);
    }
    out.Bytes(is_run);
  } else {
    out.U32(kCookie);
    out.U32(static_cast<uint32_t>(n));
  }
  for (const Container& container : containers_) {
    out.U16(container.chunk);
    out.U16(static_cast<uint16_t>(container.cardinality - 1));
  }
  if (!any_run_ || n >= kMinOffsets) {
    for (const Container& container : containers_) {
      out.U32(static_cast<uint32_t>(header_bytes + container.offset));
    }
  }
  out.Bytes(body_);
  return bitmap;
}

}  // namespace canopy
