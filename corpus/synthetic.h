// Documents made up from a seed, for tests and benchmarks of any size: terms drawn by Zipf's law,
// lengths lognormal. The same options give the same bytes on every machine (no std:: distributions,
// no libm: those differ). As an input they are written
// "synthetic:docs=100000,seed=7,vocabulary=50000,exponent=1,length=100,spread=0.7".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "corpus/document_source.h"

namespace canopy {

inline constexpr std::string_view kSyntheticPrefix = "synthetic:";

struct SyntheticOptions {
  uint64_t docs = 0;
  uint64_t seed = 1;
  uint32_t vocabulary = 100'000;  // distinct terms, 1 to 2^24
  double exponent = 1;  // of Zipf's law: the term of rank r has weight 1 / (r + 1)^exponent; 0 to 4
  double length = 100;  // median of the terms in a body, 1 to 1,000,000
  double spread = 0.7;  // standard deviation of the logarithm of that length, 0 to 2
};

// INVALID_ARGUMENT: an unknown or malformed setting, or one out of its range (the message names
// it); no docs.
absl::StatusOr<SyntheticOptions> ParseSyntheticSpec(std::string_view spec);

// The term of this rank, 0 being the most frequent: lower-case ASCII letters, another for each
// rank.
std::string SyntheticTerm(uint32_t rank);

// Draws ranks by Zipf's law in constant time (Walker's alias method as Vose builds it, IEEE TSE
// 17(9), 1991). Thread safety: immutable after construction.
class ZipfTable final {
 public:
  // REQUIRES: the ranges of SyntheticOptions.
  ZipfTable(uint32_t vocabulary, double exponent);

  // A rank; `random`: 64 evenly distributed bits.
  uint32_t Draw(uint64_t random) const;

 private:
  struct Slot {
    uint32_t threshold;  // of 2^32: below it the slot's own rank, else the other
    uint32_t other;
  };
  std::vector<Slot> slots_;
};

// Document n has the id "d<n>", a `title` of 3 to 10 terms and a `body`; it depends on the options
// and n only. Thread safety: one thread.
class SyntheticSource final : public DocumentSource {
 public:
  // REQUIRES: options in their ranges, as ParseSyntheticSpec gives them.
  explicit SyntheticSource(const SyntheticOptions& options);

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return bytes_; }

 private:
  const SyntheticOptions options_;
  const ZipfTable terms_;
  uint64_t next_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace canopy
