// Text to terms, the same code when a document is indexed and when a query is analyzed. Name and
// version of the analyzer are stored in every shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace canopy {

inline constexpr size_t kMaxTermBytes = 255;  // longer terms are cut at a code point, and counted

struct AnalyzerCounters {
  uint64_t terms_cut = 0;
  uint64_t invalid_utf8_sequences =
      0;  // each replaced by U+FFFD; "ascii" takes them as separators, uncounted

  bool operator==(const AnalyzerCounters&) const = default;
};

// Raised whenever an analyzer gives other terms for some text, be it by its own code or by new data
// of ICU or rules of Snowball: an index must be queried with the analyzer that built it.
inline constexpr uint32_t kAsciiVersion = 1;
inline constexpr uint32_t kStandardVersion = 1;
inline constexpr uint32_t kEnglishVersion = 1;

// "ascii": lowercase ASCII, a term is a maximal run of [a-z0-9].
// "standard": NFKC and case folding, then Unicode word boundaries (UAX #29, ICU); fast path for
// ASCII text. "english": standard, then Snowball English. Thread safety: one object a thread (ICU
// iterators and stemmers have state).
class Analyzer final {
 public:
  // Names in the order in which help texts list them.
  static absl::Span<const std::string_view> Names();
  // NOT_FOUND: unknown name (the message lists the known ones). FAILED_PRECONDITION: known name,
  // other version than this program's. `version` 0 means this program's.
  static absl::StatusOr<std::unique_ptr<Analyzer>> Create(std::string_view name,
                                                          uint32_t version = 0);

  ~Analyzer();

  std::string_view name() const;
  uint32_t version() const;

  // Calls `term` for every term of `text`, in order; the n-th call has position n. The view lives
  // during the call. Terms are never empty and at most kMaxTermBytes long.
  void Analyze(std::string_view text, absl::FunctionRef<void(std::string_view term)> term);

  // The terms of `text` as a list; for queries and tests.
  std::vector<std::string> Terms(std::string_view text);

  // What Analyze met so far.
  const AnalyzerCounters& counters() const;

 private:
  class Impl;
  explicit Analyzer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canopy
