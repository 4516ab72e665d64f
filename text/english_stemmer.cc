#include "text/english_stemmer.h"

#include <libstemmer.h>

#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr std::string_view kTypographicApostrophe = "\xe2\x80\x99";

// Whether some suffix of the stemmer's rules ends in `byte`.
bool EndsASuffix(char byte) {
  switch (byte) {
    case '\'':
    case 'c':
    case 'd':
    case 'e':
    case 'g':
    case 'i':
    case 'l':
    case 'm':
    case 'n':
    case 'r':
    case 's':
    case 't':
    case 'y':
      return true;
    default:
      return false;
  }
}

// Whether Snowball leaves `word` as it is, told by its end: words of one or two letters stay, and
// every rule looks for a suffix. Apostrophes inside a word are kept, typographic ones change.
bool IsItsOwnStem(std::string_view word) {
  if (word.front() == '\'') return false;
  if (word.size() <= 2) return true;
  return !EndsASuffix(word.back()) &&
         word.find(kTypographicApostrophe.front()) == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EnglishStemmer>> EnglishStemmer::Create() {
  sb_stemmer* stemmer = sb_stemmer_new("english", "UTF_8");
  if (stemmer == nullptr) return absl::InternalError("libstemmer has no stemmer for english");
  return std::unique_ptr<EnglishStemmer>(new EnglishStemmer(stemmer));
}

std::string_view EnglishStemmer::Stem(std::string_view word) {
  if (IsItsOwnStem(word)) return word;
  if (const std::optional<std::string_view> known = cache_.Get(word)) return *known;
  const std::string_view stem = StemUncached(word);
  cache_.Put(word, stem);
  return stem;
}

std::string_view EnglishStemmer::StemUncached(std::string_view word) {
  if (word.find(kTypographicApostrophe) != std::string_view::npos) {
    plain_ = absl::StrReplaceAll(ToAbsl(word), {{ToAbsl(kTypographicApostrophe), "'"}});
    word = plain_;
  }
  const sb_symbol* stem =
      sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                      static_cast<int>(word.size()));
  CHECK(stem != nullptr);  // fails only without memory
  const auto size = static_cast<size_t>(sb_stemmer_length(stemmer_.get()));
  if (size == 0) return word;
  return {reinterpret_cast<const char*>(stem), size};
}

void EnglishStemmer::Delete::operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }

}  // namespace canopy
