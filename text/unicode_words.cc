#include "text/unicode_words.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>
#include <unicode/uvernum.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

// Another version of Unicode's data gives other terms: raise kStandardVersion and kEnglishVersion
// (text/analyzer.h) and this number together.
static_assert(U_ICU_VERSION_MAJOR_NUM == 72);

constexpr UChar32 kReplacementCharacter = 0xfffd;

absl::Status IcuError(std::string_view what, UErrorCode code) {
  return absl::InternalError(Concat("ICU cannot make its ", what, ": ", u_errorName(code)));
}

// A word in UTF-8, as much of it as a term may have.
struct TermBytes {
  char bytes[kMaxTermBytes];
  size_t size = 0;
  bool cut = false;

  std::string_view view() const { return {bytes, size}; }
};

TermBytes ToTerm(const char16_t* text, int32_t begin, int32_t end) {
  TermBytes term;
  while (begin < end) {
    UChar32 c;
    U16_NEXT(text, begin, end, c);
    if (term.size + static_cast<size_t>(U8_LENGTH(c)) > kMaxTermBytes) {
      term.cut = true;
      return term;
    }
    U8_APPEND_UNSAFE(term.bytes, term.size, c);
  }
  return term;
}

// ICU gives runs of connectors such as "__" the status of a letter word.
bool HasOnlyConnectors(const char16_t* text, int32_t begin, int32_t end) {
  while (begin < end) {
    UChar32 c;
    U16_NEXT(text, begin, end, c);
    if (u_charType(c) != U_CONNECTOR_PUNCTUATION) return false;
  }
  return true;
}

}  // namespace

class UnicodeWords::Impl final {
 public:
  Impl(const icu::Normalizer2& normalizer, std::unique_ptr<icu::BreakIterator> breaks)
      : normalizer_(normalizer), breaks_(std::move(breaks)) {}

  void ForEach(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
               AnalyzerCounters& counters) {
    counters.invalid_utf8_sequences += static_cast<uint64_t>(Decode(text));
    UErrorCode error = U_ZERO_ERROR;
    normalizer_.normalize(decoded_, normalized_, error);
    CHECK(U_SUCCESS(error));  // fails only without memory or on a bogus string
    BlankSeparators();
    ForEachSegment(word, counters);
  }

 private:
  // Reads UTF-8 into decoded_ and returns how many ill-formed sequences it had.
  int32_t Decode(std::string_view text) {
    const auto capacity = static_cast<int32_t>(text.size());  // UTF-16 has at most as many units
    char16_t* buffer = decoded_.getBuffer(capacity);
    CHECK(buffer != nullptr);
    int32_t length = 0;
    int32_t replaced = 0;
    UErrorCode error = U_ZERO_ERROR;
    u_strFromUTF8WithSub(buffer, decoded_.getCapacity(), &length, text.data(),
                         static_cast<int32_t>(text.size()), kReplacementCharacter, &replaced,
                         &error);
    CHECK(U_SUCCESS(error));
    decoded_.releaseBuffer(length);
    return replaced;
  }

  // Replaces '@' and ':' by spaces, so that every version of ICU takes them as separators.
  void BlankSeparators() {
    const int32_t length = normalized_.length();
    char16_t* units = normalized_.getBuffer(length);
    CHECK(units != nullptr);
    for (int32_t i = 0; i < length; ++i) {
      if (units[i] == u'@' || units[i] == u':') units[i] = u' ';
    }
    normalized_.releaseBuffer(length);
  }

  void ForEachSegment(absl::FunctionRef<void(std::string_view)> word, AnalyzerCounters& counters) {
    breaks_->setText(normalized_);
    const char16_t* units = normalized_.getBuffer();
    int32_t begin = breaks_->first();
    for (int32_t end = breaks_->next(); end != icu::BreakIterator::DONE;
         begin = end, end = breaks_->next()) {
      if (breaks_->getRuleStatus() < UBRK_WORD_NUMBER) continue;
      if (HasOnlyConnectors(units, begin, end)) continue;
      const TermBytes term = ToTerm(units, begin, end);
      if (term.cut) ++counters.terms_cut;
      word(term.view());
    }
  }

  const icu::Normalizer2& normalizer_;
  const std::unique_ptr<icu::BreakIterator> breaks_;
  icu::UnicodeString decoded_;
  icu::UnicodeString normalized_;  // what breaks_ looks at
};

UnicodeWords::UnicodeWords(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnicodeWords::~UnicodeWords() = default;

absl::StatusOr<std::unique_ptr<UnicodeWords>> UnicodeWords::Create() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  if (U_FAILURE(error)) return IcuError("NFKC_Casefold normalizer", error);
  std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error));
  if (U_FAILURE(error)) return IcuError("word break iterator", error);
  auto impl = std::make_unique<Impl>(*normalizer, std::move(breaks));
  return std::unique_ptr<UnicodeWords>(new UnicodeWords(std::move(impl)));
}

void UnicodeWords::ForEach(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
                           AnalyzerCounters& counters) {
  CHECK(text.size() <= kMaxBytes);
  impl_->ForEach(text, word, counters);
}

}  // namespace canopy
