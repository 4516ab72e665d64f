#include "corpus/synthetic.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "corpus/document_filler.h"

namespace canopy {
namespace {

constexpr uint32_t kMaxVocabulary = 1 << 24;
constexpr double kLn2 = 0.693147180559945309417232121458;

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
class Random final {
 public:
  explicit Random(uint64_t state) : state_(state) {}
  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// Logarithm and exponential from operations whose result IEEE 754 fixes to the last bit; good to
// about 1e-15, relative.
double Log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double z = (mantissa - 1) / (mantissa + 1);  // |z| < 0.172
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * (z * z) + 1.0 / n;
  return 2 * z * sum + exponent * kLn2;
}

double Exp(double x) {
  const double turns = std::floor(x / kLn2 + 0.5);
  const double rest = x - turns * kLn2;  // |rest| < 0.35
  double sum = 1;
  for (int n = 16; n >= 1; --n) sum = 1 + sum * rest / n;
  return std::ldexp(sum, static_cast<int>(turns));
}

// A nearly normal number (mean 0, standard deviation 1, at most 6 from it): twelve even ones
// summed, as integers.
double Normal(Random& random) {
  constexpr uint64_t kHalf = uint64_t{1} << 31;
  int64_t sum = 0;
  for (int i = 0; i < 12; ++i)
    sum += static_cast<int64_t>(random.Next() >> 32) - static_cast<int64_t>(kHalf);
  return static_cast<double>(sum) / (2.0 * static_cast<double>(kHalf));
}

template <typename T>
absl::Status SetInteger(std::string_view text, uint64_t low, uint64_t high, T& to) {
  uint64_t value = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &value) || value < low || value > high) {
    return absl::InvalidArgumentError(
        Concat("\"", text, "\" is no number from ", low, " to ", high));
  }
  to = static_cast<T>(value);
  return absl::OkStatus();
}

absl::Status SetDouble(std::string_view text, double low, double high, double& to) {
  double value = 0;
  if (!absl::SimpleAtod(ToAbsl(text), &value) || !(value >= low && value <= high)) {
    return absl::InvalidArgumentError(
        Concat("\"", text, "\" is no number from ", low, " to ", high));
  }
  to = value;
  return absl::OkStatus();
}

absl::Status Set(std::string_view name, std::string_view value, SyntheticOptions& options) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  if (name == "docs") return SetInteger(value, 1, uint64_t{1} << 40, options.docs);
  if (name == "seed") return SetInteger(value, 0, kMax, options.seed);
  if (name == "vocabulary") return SetInteger(value, 1, kMaxVocabulary, options.vocabulary);
  if (name == "exponent") return SetDouble(value, 0, 4, options.exponent);
  if (name == "length") return SetDouble(value, 1, 1e6, options.length);
  if (name == "spread") return SetDouble(value, 0, 2, options.spread);
  return absl::InvalidArgumentError("known are docs, seed, vocabulary, exponent, length, spread");
}

}  // namespace

absl::StatusOr<SyntheticOptions> ParseSyntheticSpec(std::string_view spec) {
  std::string_view rest = spec;
  if (rest.starts_with(kSyntheticPrefix)) rest.remove_prefix(kSyntheticPrefix.size());
  SyntheticOptions options;
  while (!rest.empty()) {
    const std::string_view setting = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(setting.size() + 1, rest.size()));
    const size_t equals = setting.find('=');
    const std::string_view name = setting.substr(0, equals);
    const std::string_view value = equals == setting.npos ? "" : setting.substr(equals + 1);
    RETURN_IF_ERROR(Annotate(Set(name, value, options), Concat(spec, ": ", name)));
  }
  if (options.docs == 0) return absl::InvalidArgumentError(Concat(spec, ": docs is not set"));
  return options;
}

std::string SyntheticTerm(uint32_t rank) {
  constexpr std::string_view kConsonants = "tnsrldmkpbgvfzjwhc";
  constexpr std::string_view kVowels = "eaoiu";
  constexpr uint64_t kSyllables = kConsonants.size() * kVowels.size();
  // Bijective numeration: each string of syllables stands for one number.
  std::string term;
  for (uint64_t left = uint64_t{rank} + 1; left > 0; left = (left - 1) / kSyllables) {
    const uint64_t syllable = (left - 1) % kSyllables;
    term += kConsonants[syllable / kVowels.size()];
    term += kVowels[syllable % kVowels.size()];
  }
  return term;
}

ZipfTable::ZipfTable(uint32_t vocabulary, double exponent) : slots_(vocabulary) {
  CHECK(vocabulary >= 1 && vocabulary <= kMaxVocabulary);
  std::vector<double> weight(vocabulary);
  double sum = 0;
  for (uint32_t rank = 0; rank < vocabulary; ++rank) {
    weight[rank] = Exp(-exponent * Log(rank + 1.0));
    sum += weight[rank];
  }
  // Each slot has room for 1: a small weight leaves the rest of its slot to a large one.
  std::vector<uint32_t> small, large;
  for (uint32_t rank = 0; rank < vocabulary; ++rank) {
    weight[rank] *= vocabulary / sum;
    (weight[rank] < 1 ? small : large).push_back(rank);
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t from = small.back(), to = large.back();
    small.pop_back();
    slots_[from] = {static_cast<uint32_t>(weight[from] * 4294967296.0), to};
    weight[to] -= 1 - weight[from];
    if (weight[to] < 1) {
      large.pop_back();
      small.push_back(to);
    }
  }
  // What rounding left over fills its slot alone.
  for (const auto* left : {&small, &large}) {
    for (const uint32_t rank : *left) slots_[rank] = {0, rank};
  }
}

uint32_t ZipfTable::Draw(uint64_t random) const {
  // random * vocabulary / 2^64: whole part and fraction.
  const auto product = static_cast<unsigned __int128>(random) * slots_.size();
  const auto index = static_cast<uint32_t>(product >> 64);
  const auto fraction = static_cast<uint32_t>(static_cast<uint64_t>(product) >> 32);
  return fraction < slots_[index].threshold ? index : slots_[index].other;
}

SyntheticSource::SyntheticSource(const SyntheticOptions& options)
    : options_(options), terms_(options.vocabulary, options.exponent) {}

absl::StatusOr<bool> SyntheticSource::Next(Document& document) {
  if (next_ == options_.docs) return false;
  const uint64_t number = next_++;
  Random random(Random::Mix(options_.seed + 1) ^ Random::Mix(~number));
  DocumentFiller filler(document);
  filler.id() = Concat("d", number);
  const auto add_terms = [&](std::string_view field, uint64_t count) {
    std::string& text = filler.Add(field);
    for (uint64_t i = 0; i < count; ++i) {
      if (i > 0) text += i % 12 == 0 ? '\n' : ' ';
      text += SyntheticTerm(terms_.Draw(random.Next()));
    }
    return text.size();
  };
  uint64_t bytes = add_terms("title", 3 + random.Next() % 8);
  const double length = options_.length * Exp(options_.spread * Normal(random));
  bytes += add_terms("body", static_cast<uint64_t>(length) + 1);
  bytes_ += bytes;
  const std::string reason = filler.Finish(bytes);
  CHECK(reason.empty());
  return true;
}

}  // namespace canopy
