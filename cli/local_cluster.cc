#include "cli/local_cluster.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/generation.h"

namespace canopy {
namespace {

using Json = nlohmann::ordered_json;

// Together below the five seconds in which everything is to be gone.
constexpr absl::Duration kRootGrace = absl::Milliseconds(2800);
constexpr absl::Duration kLeafGrace = absl::Milliseconds(1600);

Json OrNull(const std::string& address) { return address.empty() ? Json(nullptr) : Json(address); }

std::string DescribeExit(const ChildExit& exit) {
  if (exit.signal != 0) return Concat("killed by signal ", exit.signal);
  return Concat("exit status ", exit.status);
}

absl::StatusOr<std::string> MakePrivateDirectory() {
  const char* const base = getenv("TMPDIR");
  std::string path = Concat(base != nullptr && *base != '\0' ? base : "/tmp", "/canopy-up-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::InternalError(Concat("cannot make a directory ", path, ": ", strerror(errno)));
  }
  return path;
}

void PrintLine(std::FILE* out, const Json& json) {
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::fprintf(out, "%s\n", line.c_str());
  std::fflush(out);
}

}  // namespace

absl::Duration RestartDelay(int deaths_in_a_row) {
  constexpr absl::Duration kFirst = absl::Milliseconds(100), kLongest = absl::Seconds(5);
  constexpr int kDoublings = 6;  // 100 ms x 2^6 is above the longest
  return std::min(kFirst * (1 << std::clamp(deaths_in_a_row - 1, 0, kDoublings)), kLongest);
}

absl::StatusOr<ReadyLine> ParseReadyLine(std::string_view line) {
  const Json json = Json::parse(line, /*callback=*/nullptr, /*allow_exceptions=*/false);
  const bool is_ready = json.is_object() && json.contains("ready") && json["ready"] == true &&
                        json.contains("address") && json["address"].is_string();
  if (!is_ready) return absl::NotFoundError("not a ready line");
  ReadyLine ready;
  ready.address = json["address"].get<std::string>();
  if (json.contains("generation") && json["generation"].is_number_unsigned()) {
    ready.generation = json["generation"].get<uint64_t>();
  }
  if (json.contains("metrics") && json["metrics"].is_string()) {
    ready.metrics = json["metrics"].get<std::string>();
  }
  return ready;
}

LocalCluster::LocalCluster(LocalClusterOptions options, FileSystem& files, std::FILE* ready_out,
                           std::FILE* log)
    : options_(std::move(options)),
      files_(files),
      ready_out_(ready_out),
      log_(log),
      processes_(options_.leaves.size() + 1) {
  for (size_t slot = 0; slot < root(); ++slot) {
    processes_[slot].name = "leaf";
    processes_[slot].address = "127.0.0.1:0";
    processes_[slot].generation = options_.generation;
  }
  processes_[root()].name = "root";
  processes_[root()].address = options_.root_listen;
  if (!options_.metrics) return;
  for (Process& process : processes_) process.metrics = "127.0.0.1:0";
}

LocalCluster::~LocalCluster() {
  supervisor_.reset();
  if (!scratch_.empty()) RemoveRecursively(files_, scratch_).IgnoreError();
}

absl::Status LocalCluster::Run() {
  ASSIGN_OR_RETURN(scratch_, MakePrivateDirectory());
  ASSIGN_OR_RETURN(
      supervisor_,
      Supervisor::Create(processes_.size(),
                         {.on_line = [this](size_t slot, auto line) { OnLine(slot, line); },
                          .on_exit = [this](size_t slot, auto& exit) { OnExit(slot, exit); },
                          .on_signal = [this](int signal) { OnSignal(signal); }}));
  absl::Status status = StartAndServe();
  stopping_ = true;
  Stop(root(), root() + 1, kRootGrace);
  Stop(0, root(), kLeafGrace);
  return status;
}

absl::Status LocalCluster::StartAndServe() {
  const absl::Time deadline = SteadyClock().Now() + options_.start_timeout;
  for (size_t slot = 0; slot < root(); ++slot) RETURN_IF_ERROR(StartProcess(slot));
  RETURN_IF_ERROR(PollUntil([this] { return AllReady(0, root()); }, deadline, "leaves"));
  if (stop_requests_ > 0) return absl::OkStatus();
  RETURN_IF_ERROR(StartRoot());
  RETURN_IF_ERROR(PollUntil([this] { return processes_[root()].ready; }, deadline, "the root"));
  if (stop_requests_ > 0) return absl::OkStatus();
  PrintReady();
  return PollUntil([] { return false; }, absl::InfiniteFuture(), "");
}

absl::Status LocalCluster::StartRoot() {
  std::vector<std::string> addresses;
  for (size_t slot = 0; slot < root(); ++slot) addresses.push_back(processes_[slot].address);
  RETURN_IF_ERROR(WriteFileAtomically(files_, Concat(scratch_, "/topology.yaml"),
                                      TopologyYaml(options_.leaves, addresses)));
  return StartProcess(root());
}

std::vector<std::string> LocalCluster::CommandOf(size_t slot) const {
  const std::string& address = processes_[slot].address;
  std::vector<std::string> command;
  if (is_leaf(slot)) {
    const std::string shards = absl::StrJoin(options_.leaves[slot].shards, ",");
    command = {Concat(options_.binaries, "/canopy-leaf"),
               "--index",
               options_.index,
               "--shards",
               shards,
               "--listen",
               address};
  } else {
    command = {Concat(options_.binaries, "/canopy-root"), "--topology",
               Concat(scratch_, "/topology.yaml"), "--listen", address};
  }
  if (const std::string& metrics = processes_[slot].metrics; !metrics.empty()) {
    command.insert(command.end(), {"--metrics", metrics});
  }
  const std::vector<std::string>& flags = is_leaf(slot) ? options_.leaf_flags : options_.root_flags;
  for (const std::string& flag : flags) {
    command.push_back(absl::StrReplaceAll(flag, {{kSlotPlaceholder, absl::StrCat(slot)}}));
  }
  return command;
}

absl::Status LocalCluster::StartProcess(size_t slot) {
  Process& process = processes_[slot];
  process.restart_at = absl::InfiniteFuture();
  process.started_at = SteadyClock().Now();
  RETURN_IF_ERROR(supervisor_->Start(slot, CommandOf(slot)));
  process.pid = supervisor_->child(slot)->pid();
  return absl::OkStatus();
}

absl::Status LocalCluster::PollUntil(const std::function<bool()>& done, absl::Time deadline,
                                     std::string_view waiting_for) {
  while (stop_requests_ == 0 && failure_.ok() && !done()) {
    if (SteadyClock().Now() >= deadline) {
      return absl::DeadlineExceededError(Concat(waiting_for, " not ready after ",
                                                absl::FormatDuration(options_.start_timeout),
                                                " (--start-timeout)"));
    }
    supervisor_->Poll(std::min(deadline, NextRestart()));
    RestartDue();
  }
  return failure_;
}

bool LocalCluster::AllReady(size_t first, size_t last) const {
  return std::all_of(processes_.begin() + first, processes_.begin() + last,
                     [](const Process& process) { return process.ready; });
}

absl::Time LocalCluster::NextRestart() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Process& process : processes_) next = std::min(next, process.restart_at);
  return next;
}

void LocalCluster::RestartDue() {
  const absl::Time now = SteadyClock().Now();
  for (size_t slot = 0; slot < processes_.size(); ++slot) {
    if (processes_[slot].restart_at > now) continue;
    if (const absl::Status status = StartProcess(slot); !status.ok()) failure_ = status;
  }
}

void LocalCluster::Stop(size_t first, size_t last, absl::Duration grace) {
  for (size_t slot = first; slot < last; ++slot) {
    if (const ChildProcess* child = supervisor_->child(slot)) child->Signal(SIGTERM);
  }
  const auto any_left = [&] {
    for (size_t slot = first; slot < last; ++slot) {
      if (supervisor_->child(slot) != nullptr) return true;
    }
    return false;
  };
  const absl::Time deadline = SteadyClock().Now() + grace;
  bool killed = false;
  while (any_left()) {
    // A second request to stop is impatience.
    if (!killed && (SteadyClock().Now() >= deadline || stop_requests_ > 1)) {
      killed = true;
      for (size_t slot = first; slot < last; ++slot) {
        if (const ChildProcess* child = supervisor_->child(slot)) child->Signal(SIGKILL);
      }
    }
    supervisor_->Poll(killed ? absl::InfiniteFuture() : deadline);
  }
}

void LocalCluster::OnLine(size_t slot, std::string_view line) {
  Process& process = processes_[slot];
  const absl::StatusOr<ReadyLine> ready = ParseReadyLine(line);
  if (!ready.ok()) {
    std::fprintf(log_, "%.*s\n", static_cast<int>(line.size()), line.data());
    return;
  }
  process.address = ready->address;
  process.metrics = ready->metrics;
  if (ready->generation != 0) process.generation = ready->generation;
  process.was_ready = process.ready = true;
  LogReady(slot);
}

void LocalCluster::OnExit(size_t slot, const ChildExit& exit) {
  Process& process = processes_[slot];
  process.ready = false;
  if (stopping_ || stop_requests_ > 0) return;
  const absl::Time now = SteadyClock().Now();
  process.deaths_in_a_row =
      now - process.started_at >= kStableAfter ? 1 : process.deaths_in_a_row + 1;
  const absl::Duration delay = RestartDelay(process.deaths_in_a_row);
  LogExit(slot, exit, options_.restart && process.was_ready ? delay : absl::InfiniteDuration());
  if (!process.was_ready) {
    failure_ = absl::InternalError(Concat("canopy-", process.name, " ended before it was ready (",
                                          DescribeExit(exit), "); its own messages stand above"));
  } else if (options_.restart) {
    process.restart_at = now + delay;
  } else if (!is_leaf(slot)) {
    failure_ = absl::UnavailableError(Concat("the root died (", DescribeExit(exit), ")"));
  }
}

void LocalCluster::OnSignal(int signal) {
  if (signal != SIGHUP) {
    ++stop_requests_;
    return;
  }
  WarnIfShardsChanged();
  for (size_t slot = 0; slot < processes_.size(); ++slot) {
    if (const ChildProcess* child = supervisor_->child(slot); child && processes_[slot].ready) {
      child->Signal(SIGHUP);
    }
  }
}

void LocalCluster::WarnIfShardsChanged() const {
  const absl::StatusOr<GenerationInfo> current = ReadCurrentGeneration(files_, options_.index);
  if (!current.ok() || current->num_shards() == options_.num_shards) return;
  LogWarning(
      "the index has another number of shards now; leaves refuse it, and cannot be started "
      "again: start canopy up anew",
      {{"generation", current->number},
       {"shards", current->num_shards()},
       {"served", options_.num_shards}});
}

void LocalCluster::PrintReady() const {
  uint64_t generation = options_.generation;
  Json leaves = Json::array();
  for (size_t slot = 0; slot < root(); ++slot) {
    const LeafPlan& plan = options_.leaves[slot];
    generation = std::max(generation, processes_[slot].generation);
    leaves.push_back({{"replica", plan.replica},
                      {"shards", plan.shards},
                      {"address", processes_[slot].address},
                      {"metrics", OrNull(processes_[slot].metrics)},
                      {"pid", processes_[slot].pid}});
  }
  PrintLine(ready_out_, {{"ready", true},
                         {"generation", generation},
                         {"root", processes_[root()].address},
                         {"root_metrics", OrNull(processes_[root()].metrics)},
                         {"http", nullptr},
                         {"grpc", nullptr},
                         {"leaves", leaves},
                         {"root_pid", processes_[root()].pid},
                         {"ambassador_pid", nullptr}});
}

void LocalCluster::LogExit(size_t slot, const ChildExit& exit, absl::Duration restart_in) const {
  Json event = {{"event", Concat(processes_[slot].name, "_exited")}};
  if (is_leaf(slot)) {
    event["replica"] = options_.leaves[slot].replica;
    event["shards"] = options_.leaves[slot].shards;
  }
  event["address"] = processes_[slot].address;
  event["pid"] = processes_[slot].pid;
  event[exit.signal != 0 ? "signal" : "status"] = exit.signal != 0 ? exit.signal : exit.status;
  event["restart_in_ms"] = restart_in == absl::InfiniteDuration()
                               ? Json(nullptr)
                               : Json(absl::ToInt64Milliseconds(restart_in));
  PrintLine(log_, event);
}

void LocalCluster::LogReady(size_t slot) const {
  Json event = {{"event", Concat(processes_[slot].name, "_ready")}};
  if (is_leaf(slot)) {
    event["replica"] = options_.leaves[slot].replica;
    event["shards"] = options_.leaves[slot].shards;
    event["generation"] = processes_[slot].generation;
  }
  event["address"] = processes_[slot].address;
  event["pid"] = processes_[slot].pid;
  PrintLine(log_, event);
}

}  // namespace canopy
