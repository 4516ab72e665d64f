// Words of any text: UTF-8 to NFKC with case folding, then the word boundaries of UAX #29 (ICU,
// root locale; Chinese, Japanese, Thai, Lao, Khmer and Burmese by ICU's dictionaries).
// Normalization comes first: so a full-width or decomposed word is cut like its plain twin,
// compatibility characters that stand for several words become several terms, and a term is always
// normalized as a whole.
#pragma once

#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace canopy {

struct AnalyzerCounters;

// Thread safety: none; one object a thread (ICU's iterators have state).
class UnicodeWords final {
 public:
  // INTERNAL: ICU's data is missing.
  static absl::StatusOr<std::unique_ptr<UnicodeWords>> Create();
  ~UnicodeWords();

  // Calls `word` for every word of `text` that has a letter, digit, ideograph or kana. Ill-formed
  // UTF-8 becomes U+FFFD, one for each maximal subpart (Unicode 15, section 3.9), which separates
  // words. Words are cut to kMaxTermBytes. Both are counted. The view lives during the call.
  // REQUIRES: at most kMaxBytes bytes.
  void ForEach(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
               AnalyzerCounters& counters);

  // Bounds the memory and keeps every length far below ICU's 31 bits: NFKC makes up to 18
  // characters of one.
  static constexpr size_t kMaxBytes = size_t{1} << 20;

 private:
  class Impl;
  explicit UnicodeWords(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canopy
