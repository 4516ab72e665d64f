// Snowball's English stemmer (Porter 2) by libstemmer, with a cache of the stems of frequent words.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "text/byte_cache.h"

struct sb_stemmer;

namespace canopy {

// Thread safety: none; one object a thread.
class EnglishStemmer final {
 public:
  // INTERNAL: libstemmer does not know English.
  static absl::StatusOr<std::unique_ptr<EnglishStemmer>> Create();

  // The stem of a word in lower case; the typographic apostrophe counts as the plain one, which
  // Snowball strips with what follows ("dog's", "dog\u2019s" -> "dog"). Never empty. Lifetime:
  // until the next call. REQUIRES: `word` is valid UTF-8 and not empty.
  std::string_view Stem(std::string_view word);

 private:
  struct Delete {
    void operator()(sb_stemmer* stemmer) const;
  };

  explicit EnglishStemmer(sb_stemmer* stemmer) : stemmer_(stemmer) {}
  std::string_view StemUncached(std::string_view word);

  const std::unique_ptr<sb_stemmer, Delete> stemmer_;
  ByteCache<8192, 31, 31> cache_;
  std::string plain_;  // the word with plain apostrophes
};

}  // namespace canopy
