#include "shard/posting_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/byte_io.h"
#include "base/check.h"
#include "shard/format.h"
#include "shard/posting_list.h"

namespace canopy {
namespace {

// Returns the bound of all postings.
uint8_t AppendShort(const PostingInput& input, const BoundTable& bounds, std::string& out) {
  double ratio = 0;
  for (size_t i = 0; i < input.docs.size(); ++i) {
    ratio = std::max(ratio, bounds.Ratio(input.tfs[i], input.length_codes[input.docs[i]]));
  }
  const uint8_t max_bound = BoundTable::Byte(ratio);
  ByteWriter writer(out);
  writer.U8(max_bound);
  uint64_t next_doc = 0;
  for (size_t i = 0; i < input.docs.size(); ++i) {
    const bool repeated = input.tfs[i] > 1;
    writer.Varint((input.docs[i] - next_doc) << 1 | (repeated ? 1 : 0));
    if (repeated) writer.Varint(input.tfs[i] - 2);
    next_doc = uint64_t{input.docs[i]} + 1;
  }
  return max_bound;
}

// Writes one blob of the long form into a string that has been sized for it.
class LongWriter final {
 public:
  LongWriter(const PostingInput& input, const BoundTable& bounds)
      : input_(input), bounds_(bounds) {}

  PostingLayout Append(std::string& out) {
    Plan();
    const size_t start = out.size();
    out.resize(start + size_);
    blob_ = out.data() + start;
    Store<uint32_t>(0, static_cast<uint32_t>(containers_.size()));
    Store<uint32_t>(4, escapes_);
    uint8_t largest = 0;
    for (size_t i = 0; i < containers_.size(); ++i) {
      const uint8_t max_bound = WriteBounds(containers_[i]);
      WriteEntry(i, max_bound);
      largest = std::max(largest, max_bound);
      if (containers_[i].IsBitset()) {
        WriteBitset(containers_[i]);
      } else {
        WriteArray(containers_[i]);
      }
    }
    WriteFrequencies();
    return {size_, has_bitset_, largest};
  }

 private:
  struct Container {
    uint32_t chunk = 0, first_rank = 0, cardinality = 0;
    uint64_t directory_at = 0;  // 0: no window directory
    uint64_t data_at = 0;
    bool IsBitset() const { return cardinality > kMaxArrayPostings; }
  };

  void Plan() {
    for (uint32_t rank = 0; rank < input_.docs.size(); ++rank) {
      const uint32_t chunk = input_.docs[rank] / kChunkDocs;
      if (containers_.empty() || containers_.back().chunk != chunk)
        containers_.push_back({chunk, rank, 0, 0, 0});
      ++containers_.back().cardinality;
    }
    uint64_t at = 8 + containers_.size() * kContainerEntryBytes;
    for (Container& container : containers_) {
      if (container.cardinality < kMinDirectoryPostings) continue;
      container.directory_at = at;
      at += kWindowDirectoryBytes;
    }
    for (Container& container : containers_) {
      has_bitset_ |= container.IsBitset();
      container.data_at = container.IsBitset() ? AlignUp(at, kSectionAlignment) : at;
      at = container.data_at +
           (container.IsBitset() ? kBitsetBytes : container.cardinality * sizeof(uint16_t));
    }
    frequencies_at_ = at;
    escapes_at_ = AlignUp(at + input_.docs.size(), sizeof(uint32_t));
    escapes_ = static_cast<uint32_t>(std::count_if(input_.tfs.begin(), input_.tfs.end(),
                                                   [](TermFrequency tf) { return tf >= 255; }));
    size_ = escapes_at_ + escapes_ * sizeof(FrequencyEscape);
  }

  template <typename T>
  void Store(uint64_t at, T value) {
    std::memcpy(blob_ + at, &value, sizeof(T));
  }

  void WriteEntry(size_t i, uint8_t max_bound) {
    const Container& container = containers_[i];
    const uint64_t at = 8 + i * kContainerEntryBytes;
    Store<uint16_t>(at, static_cast<uint16_t>(container.chunk));
    Store<uint16_t>(at + 2, static_cast<uint16_t>(container.cardinality - 1));
    Store<uint32_t>(at + 4, container.first_rank);
    Store<uint32_t>(at + 8, static_cast<uint32_t>(container.data_at));
    Store<uint8_t>(at + 12, container.IsBitset() ? kBitsetContainer : kArrayContainer);
    Store<uint8_t>(at + 13, max_bound);
    Store<uint16_t>(at + 14, 0);
  }

  double Ratio(uint32_t rank) const {
    return bounds_.Ratio(input_.tfs[rank], input_.length_codes[input_.docs[rank]]);
  }

  // The container's largest bound; fills its window directory, if it has one, on the way.
  uint8_t WriteBounds(const Container& container) {
    const uint32_t end_rank = container.first_rank + container.cardinality;
    double largest = 0;
    if (container.directory_at == 0) {
      for (uint32_t rank = container.first_rank; rank < end_rank; ++rank) {
        largest = std::max(largest, Ratio(rank));
      }
      return BoundTable::Byte(largest);
    }
    std::array<double, kBitsetWords> ratios{};
    std::array<uint32_t, kWindowsPerChunk> counts{};
    for (uint32_t rank = container.first_rank; rank < end_rank; ++rank) {
      const uint32_t place = input_.docs[rank] % kChunkDocs;
      ratios[place / 64] = std::max(ratios[place / 64], Ratio(rank));
      ++counts[place / kWindowDocs];
    }
    uint32_t before = 0;
    for (uint32_t window = 0; window < kWindowsPerChunk; ++window) {
      Store<uint16_t>(container.directory_at + window * sizeof(uint16_t),
                      static_cast<uint16_t>(before));
      before += counts[window];
    }
    for (uint32_t word = 0; word < kBitsetWords; ++word) {
      const uint8_t bound = ratios[word] == 0 ? uint8_t{0} : BoundTable::Byte(ratios[word]);
      Store<uint8_t>(container.directory_at + kWindowRanksBytes + word, bound);
      largest = std::max(largest, ratios[word]);
    }
    return BoundTable::Byte(largest);
  }

  void WriteArray(const Container& container) {
    for (uint32_t i = 0; i < container.cardinality; ++i) {
      const LocalDoc doc = input_.docs[container.first_rank + i];
      Store<uint16_t>(container.data_at + i * sizeof(uint16_t), static_cast<uint16_t>(doc));
    }
  }

  void WriteBitset(const Container& container) {
    std::array<uint64_t, kBitsetWords> words{};
    for (uint32_t i = 0; i < container.cardinality; ++i) {
      const uint32_t bit = input_.docs[container.first_rank + i] % kChunkDocs;
      words[bit / 64] |= uint64_t{1} << (bit % 64);
    }
    std::memcpy(blob_ + container.data_at, words.data(), kBitsetBytes);
  }

  void WriteFrequencies() {
    uint64_t escape_at = escapes_at_;
    for (uint32_t rank = 0; rank < input_.tfs.size(); ++rank) {
      const TermFrequency tf = input_.tfs[rank];
      Store<uint8_t>(frequencies_at_ + rank,
                     static_cast<uint8_t>(std::min<TermFrequency>(tf, 255)));
      if (tf < 255) continue;
      Store<uint32_t>(escape_at, rank);
      Store<uint32_t>(escape_at + 4, tf);
      escape_at += sizeof(FrequencyEscape);
    }
  }

  const PostingInput& input_;
  const BoundTable& bounds_;
  std::vector<Container> containers_;
  uint64_t frequencies_at_ = 0, escapes_at_ = 0, size_ = 0;
  uint32_t escapes_ = 0;
  bool has_bitset_ = false;
  char* blob_ = nullptr;
};

}  // namespace

PostingLayout AppendPostings(const PostingInput& input, const BoundTable& bounds,
                             std::string& out) {
  CHECK(input.docs.size() > 1 && input.docs.size() == input.tfs.size());
  if (input.docs.size() > kMaxShortPostings) return LongWriter(input, bounds).Append(out);
  const size_t start = out.size();
  const uint8_t max_bound = AppendShort(input, bounds, out);
  return {out.size() - start, false, max_bound};
}

}  // namespace canopy
