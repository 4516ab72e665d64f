#include "cli/sweep_cluster.h"

#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/local_cluster.h"

namespace canopy {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

}  // namespace

std::vector<std::string> UpCommandLine(const SweepCase& sweep_case,
                                       const SweepClusterOptions& options) {
  std::vector<std::string> command = {options.canopy,
                                      "up",
                                      "--json",
                                      "--no-restart",
                                      "--index",
                                      options.index,
                                      "--leaves",
                                      absl::StrCat(sweep_case.leaves),
                                      "--replicas",
                                      absl::StrCat(sweep_case.replicas),
                                      "--start-timeout",
                                      absl::FormatDuration(kSweepStartTimeout),
                                      Concat("--root-flag=--hedge=", sweep_case.hedge)};
  if (!sweep_case.calm) {
    command.insert(command.end(),
                   {"--leaf-flag=--allow-fault-injection",
                    Concat("--leaf-flag=--inject-delay=", options.straggler),
                    Concat("--leaf-flag=--inject-seed=", options.repeat + 1, kSlotPlaceholder)});
  }
  return command;
}

absl::StatusOr<std::string> RootOfReadyLine(std::string_view line) {
  const auto json = nlohmann::json::parse(line, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("root") || !json["root"].is_string()) {
    return absl::NotFoundError("not the ready line of canopy up");
  }
  return json["root"].get<std::string>();
}

absl::StatusOr<std::unique_ptr<SweepCluster>> SweepCluster::Start(
    const SweepCase& sweep_case, const SweepClusterOptions& options, const WaitUntil& wait_until) {
  // A shell sends its messages to the file and then becomes it.
  std::vector<std::string> command = {"/bin/sh", "-c", R"(exec "$@" 2>>"$0")", options.log};
  const std::vector<std::string> up = UpCommandLine(sweep_case, options);
  command.insert(command.end(), up.begin(), up.end());
  ASSIGN_OR_RETURN(auto child, ChildProcess::Start(command));
  std::unique_ptr<SweepCluster> cluster(new SweepCluster(std::move(child)));

  // `up` keeps the time limit itself; this one is for an `up` that hangs.
  const absl::Time limit = SteadyClock().Now() + kSweepStartTimeout + kSweepStopTimeout;
  const auto failed = [&options](std::string_view what) {
    return Concat("canopy up ", what, "; ", options.log, " says why");
  };
  while (!cluster->remote_.has_value()) {
    const absl::Time now = SteadyClock().Now();
    if (now >= limit) return absl::DeadlineExceededError(failed("is not ready"));
    if (!wait_until(now + kPollInterval)) return absl::CancelledError("stopped");
    const bool ended = cluster->up_->Reap();
    cluster->up_->ReadLines([&](std::string_view line) {
      const absl::StatusOr<std::string> root = RootOfReadyLine(line);
      if (root.ok() && !cluster->remote_.has_value()) cluster->remote_.emplace(*root);
    });
    if (ended) return absl::InternalError(failed("ended before it was ready"));
  }
  return cluster;
}

SweepCluster::~SweepCluster() {
  remote_.reset();
  up_->Signal(SIGTERM);
  const absl::Time limit = SteadyClock().Now() + kSweepStopTimeout;
  while (!up_->Reap() && SteadyClock().Now() < limit) absl::SleepFor(kPollInterval);
}

}  // namespace canopy
