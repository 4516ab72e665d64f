#include "text/analyzer.h"

#include <array>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/strings.h"
#include "text/ascii_words.h"
#include "text/cut.h"
#include "text/english_stemmer.h"
#include "text/standard_words.h"

namespace canopy {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"standard", "english", "ascii"};

// This program's version of a known analyzer.
uint32_t VersionOf(std::string_view name) {
  if (name == "ascii") return kAsciiVersion;
  return name == "english" ? kEnglishVersion : kStandardVersion;
}

absl::Status CheckNameAndVersion(std::string_view name, uint32_t version) {
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
    const auto append = [](std::string* out, std::string_view known) { out->append(known); };
    return absl::NotFoundError(
        Concat("unknown analyzer \"", name, "\", known are ", absl::StrJoin(kNames, ", ", append)));
  }
  if (version == 0 || version == VersionOf(name)) return absl::OkStatus();
  return absl::FailedPreconditionError(Concat("analyzer \"", name, "\" of version ", version,
                                              " is not supported, this program has version ",
                                              VersionOf(name)));
}

}  // namespace

class Analyzer::Impl final {
 public:
  // `words` is null for "ascii", `stemmer` for all but "english".
  Impl(std::string_view name, std::unique_ptr<StandardWords> words,
       std::unique_ptr<EnglishStemmer> stemmer)
      : name_(name), words_(std::move(words)), stemmer_(std::move(stemmer)) {}

  std::string_view name() const { return name_; }
  const AnalyzerCounters& counters() const { return counters_; }

  void Analyze(std::string_view text, absl::FunctionRef<void(std::string_view)> term) {
    if (words_ == nullptr) {
      AnalyzeAscii(text, term);
    } else if (stemmer_ == nullptr) {
      words_->ForEach(text, term, counters_);
    } else {
      const auto pass_stem = [&](std::string_view word) { term(stemmer_->Stem(word)); };
      words_->ForEach(text, pass_stem, counters_);
    }
  }

 private:
  void AnalyzeAscii(std::string_view text, absl::FunctionRef<void(std::string_view)> term) {
    ForEachAlphanumericRun(text, lowered_,
                           [&](std::string_view word) { term(CutAsciiTerm(word, counters_)); });
  }

  const std::string name_;
  const std::unique_ptr<StandardWords> words_;
  const std::unique_ptr<EnglishStemmer> stemmer_;
  AnalyzerCounters counters_;
  std::string lowered_;
};

absl::Span<const std::string_view> Analyzer::Names() { return kNames; }

absl::StatusOr<std::unique_ptr<Analyzer>> Analyzer::Create(std::string_view name,
                                                           uint32_t version) {
  RETURN_IF_ERROR(CheckNameAndVersion(name, version));
  std::unique_ptr<StandardWords> words;
  std::unique_ptr<EnglishStemmer> stemmer;
  if (name != "ascii") {
    ASSIGN_OR_RETURN(words, StandardWords::Create());
  }
  if (name == "english") {
    ASSIGN_OR_RETURN(stemmer, EnglishStemmer::Create());
  }
  auto impl = std::make_unique<Impl>(name, std::move(words), std::move(stemmer));
  return std::unique_ptr<Analyzer>(new Analyzer(std::move(impl)));
}

Analyzer::Analyzer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Analyzer::~Analyzer() = default;

std::string_view Analyzer::name() const { return impl_->name(); }
uint32_t Analyzer::version() const { return VersionOf(impl_->name()); }
const AnalyzerCounters& Analyzer::counters() const { return impl_->counters(); }

void Analyzer::Analyze(std::string_view text, absl::FunctionRef<void(std::string_view term)> term) {
  impl_->Analyze(text, term);
}

std::vector<std::string> Analyzer::Terms(std::string_view text) {
  std::vector<std::string> terms;
  Analyze(text, [&terms](std::string_view term) { terms.emplace_back(term); });
  return terms;
}

}  // namespace canopy
