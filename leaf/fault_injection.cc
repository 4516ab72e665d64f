#include "leaf/fault_injection.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/flag_values.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {

absl::Status ParseDelay(std::string_view text, FaultOptions& options) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ':');
  const bool exponential = parts.size() == 3 && parts[2] == "exp";
  if (parts.size() != 2 && !exponential) {
    return absl::InvalidArgumentError(Concat(
        "a delay must be SHARE:TIME or SHARE:TIME:exp, such as 1%:50ms, got \"", text, "\""));
  }
  ASSIGN_OR_RETURN(options.delay_share, ParseShare(parts[0]));
  ASSIGN_OR_RETURN(options.delay, ParseDuration(parts[1]));
  options.exponential = exponential;
  return absl::OkStatus();
}

FaultGenerator::FaultGenerator(const FaultOptions& options)
    : options_(options), random_(options.seed) {}

double FaultGenerator::NextUniform() {
  return static_cast<double>(random_() >> 11) / (uint64_t{1} << 53);
}

Fault FaultGenerator::Next() {
  absl::MutexLock lock(&mutex_);
  // Always three draws, so that one setting does not change what another one does.
  const double delay_draw = NextUniform();
  const double length_draw = NextUniform();
  const double error_draw = NextUniform();
  Fault fault;
  fault.error = error_draw < options_.error_share;
  if (delay_draw < options_.delay_share) {
    fault.delay =
        options_.exponential ? options_.delay * -std::log1p(-length_draw) : options_.delay;
  }
  return fault;
}

void FaultyBackend::Search(std::shared_ptr<const v1::SearchRequest> request,
                           std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  const Fault fault = faults_.Next();
  if (fault.error) return done(absl::UnavailableError("injected error (--inject-error)"));
  if (fault.delay == absl::ZeroDuration()) {
    return backend_.Search(std::move(request), std::move(context), std::move(done));
  }
  loop_.RunAfter(fault.delay,
                 [this, request = std::move(request), context = std::move(context),
                  done = std::move(done)] { backend_.Search(request, context, done); });
}

void FaultyBackend::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  backend_.Fetch(std::move(request), std::move(context), std::move(done));
}

}  // namespace canopy
