// The words of the analyzer "standard": those of UnicodeWords over the whole text, found faster.
// ASCII stretches go through text/ascii_words.h; what is left is cut at ASCII white space into
// pieces, and pieces seen before are answered from a cache. Why the cuts change nothing: ASCII
// white space is inert under NFKC_Casefold and always a word boundary on both sides, so no word and
// no composition reaches over it (a mark behind a space attaches to the space and is dropped with
// it).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "text/byte_cache.h"
#include "text/unicode_words.h"

namespace canopy {

// Thread safety: none; one object a thread.
class StandardWords final {
 public:
  static absl::StatusOr<std::unique_ptr<StandardWords>> Create();

  // As UnicodeWords::ForEach, for text of any size. Pieces of more than UnicodeWords::kMaxBytes
  // bytes without white space are cut at a code point.
  void ForEach(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
               AnalyzerCounters& counters);

 private:
  // The words of a piece, each behind its length in one byte.
  using PieceCache = ByteCache<4096, 62, 64>;

  explicit StandardWords(std::unique_ptr<UnicodeWords> unicode) : unicode_(std::move(unicode)) {}

  void AnalyzeAscii(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
                    AnalyzerCounters& counters);
  void AnalyzePiece(std::string_view piece, absl::FunctionRef<void(std::string_view)> word,
                    AnalyzerCounters& counters);

  const std::unique_ptr<UnicodeWords> unicode_;
  PieceCache cache_;
  std::string lowered_;
  std::string encoded_;  // of the piece at hand
};

}  // namespace canopy
