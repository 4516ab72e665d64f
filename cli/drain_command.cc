// canopy drain: tells a leaf that roots should go elsewhere, and waits until they have.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/client_input.h"
#include "cli/commands.h"
#include "cli/drain_watch.h"
#include "rpc/event_loop.h"
#include "rpc/leaf_client.h"

namespace canopy {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr absl::Duration kPollInterval = absl::Milliseconds(100);

struct DrainFlags {
  std::string target;
  bool undo = false;
  absl::Duration timeout = absl::Seconds(30);
  bool json = false;
};

// Starts a call with `start(context, done)` and waits for its end.
template <typename Start>
absl::StatusOr<v1::LeafStatus> Wait(Start start) {
  std::optional<absl::StatusOr<v1::LeafStatus>> answer;
  absl::Notification arrived;
  start(std::make_shared<Cancellation>(SteadyClock(), SteadyClock().Now() + kCallTimeout),
        [&](absl::StatusOr<v1::LeafStatus> status) {
          answer = std::move(status);
          arrived.Notify();
        });
  arrived.WaitForNotification();
  return *std::move(answer);
}

absl::StatusOr<v1::LeafStatus> WaitUntilIdle(LeafClient& leaf, v1::LeafStatus status,
                                             absl::Duration timeout) {
  const absl::Time deadline = SteadyClock().Now() + timeout;
  DrainWatch watch;
  while (!watch.IsIdle(status, SteadyClock().Now())) {
    if (SteadyClock().Now() >= deadline) {
      return absl::DeadlineExceededError(
          Concat("still asked after ", absl::FormatDuration(timeout),
                 " (--timeout): ", status.searches_total(), " searches, cost in flight ",
                 status.load().in_flight_cost(), "; does it hold the last replica of a shard?"));
    }
    absl::SleepFor(kPollInterval);
    ASSIGN_OR_RETURN(status, Wait([&](auto context, auto done) { leaf.Status(context, done); }));
  }
  return status;
}

absl::Status RunDrain(const DrainFlags& flags) {
  RETURN_IF_ERROR(CheckTarget(flags.target));
  EventLoop loop;
  LeafClient leaf(loop, flags.target);
  ASSIGN_OR_RETURN(v1::LeafStatus status,
                   Wait([&](auto context, auto done) { leaf.Drain(flags.undo, context, done); }));
  if (!flags.undo) {
    ASSIGN_OR_RETURN(status, WaitUntilIdle(leaf, std::move(status), flags.timeout));
  }
  const nlohmann::ordered_json json = {{"address", flags.target},
                                       {"draining", status.draining()},
                                       {"ready", status.ready()},
                                       {"searches_total", status.searches_total()}};
  const std::string text =
      flags.json ? json.dump()
                 : Concat(flags.target, status.draining() ? " is drained: it may be stopped now"
                                                          : " takes searches again");
  std::printf("%s\n", text.c_str());
  return absl::OkStatus();
}

}  // namespace

int DrainCommand(int argc, char** argv) {
  DrainFlags values;
  FlagSet flags(
      "canopy drain",
      "Tells a leaf that roots should use its other replicas, and waits until it is idle. "
      "It goes on answering what it is asked.");
  flags.Group("Leaf");
  flags.AddString("target", &values.target,
                  {.value = "HOST:PORT", .help = "address of a leaf", .required = true});
  flags.AddBool("undo", &values.undo, "roots may use it again");
  flags.AddDuration("timeout", &values.timeout,
                    {.help = "how long to wait until it is idle",
                     .min = absl::Seconds(1),
                     .max = absl::Hours(1)});
  flags.Group("Output");
  flags.AddBool("json", &values.json, "one JSON object instead of text");
  return RunMain(flags, argc, argv, [&] { return RunDrain(values); });
}

}  // namespace canopy
