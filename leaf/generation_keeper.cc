#include "leaf/generation_keeper.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

std::string Name(uint64_t generation, uint64_t checksum) {
  return absl::StrFormat("%d (collection %016x)", generation, checksum);
}

bool Matches(const ServedGeneration& held, uint64_t generation, uint64_t checksum) {
  return (generation == 0 || generation == held.number()) &&
         (checksum == 0 || checksum == held.checksum());
}

absl::Status Stopping() { return absl::CancelledError("the leaf stops"); }

}  // namespace

GenerationKeeper::GenerationKeeper(FileSystem& files, const Clock& clock,
                                   GenerationKeeperOptions options)
    : files_(files),
      clock_(clock),
      options_(std::move(options)),
      stop_(clock, absl::InfiniteFuture()),
      thread_([this] { Run(); }) {}

GenerationKeeper::~GenerationKeeper() { End(); }

void GenerationKeeper::End() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

void GenerationKeeper::Stop() {
  stop_.Cancel();
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void GenerationKeeper::Reload(Done done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refused = Stopping();
    } else if (waiting_.size() >= kMaxWaitingReloads) {
      refused = absl::ResourceExhaustedError(Concat(kMaxWaitingReloads, " reloads wait already"));
    } else {
      waiting_.push_back(std::move(done));
      return;
    }
  }
  done(refused);
}

void GenerationKeeper::Run() {
  while (true) {
    std::vector<Done> waiting;
    bool stopping = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &GenerationKeeper::HasWork),
                              TimeToDropLocked());
      waiting.swap(waiting_);
      stopping = stopping_;
    }
    DropPreviousWhenDue();
    if (!waiting.empty()) {
      const absl::Status status = stopping ? Stopping() : LoadAndReport();
      for (const Done& done : waiting) done(status);
    }
    if (stopping) return;
  }
}

absl::Status GenerationKeeper::Load() {
  const GenerationSource& source = options_.source;
  ASSIGN_OR_RETURN(const GenerationInfo generation, ReadCurrentGeneration(files_, source.index));
  const auto current = View().current;
  if (current != nullptr) {
    if (Matches(*current, generation.number, generation.CollectionChecksum())) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(CheckShape(*current, generation));
  }
  ASSIGN_OR_RETURN(auto opened, ServedGeneration::Open(files_, generation, source, stop_));
  Switch(std::move(opened));
  return absl::OkStatus();
}

absl::Status GenerationKeeper::LoadAndReport() {
  const absl::Status status = Load();
  if (!status.ok()) {
    LogError("cannot serve the current generation",
             {{"index", options_.source.index}, {"error", status}});
  }
  absl::MutexLock lock(&mutex_);
  view_.reload_error = std::string(Message(status));
  return status;
}

// A leaf that was told which shards to serve serves them in clusters of a fixed shape; a part of a
// collection of another shape would be of no use to anyone.
absl::Status GenerationKeeper::CheckShape(const ServedGeneration& current,
                                          const GenerationInfo& next) const {
  if (options_.source.shards.empty() || current.num_shards() == next.num_shards()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      Concat(next.directory, ": ", next.num_shards(), " shards, where generation ",
             current.number(), " has ", current.num_shards(),
             "; a leaf that is given its shards (--shards) must be started anew for that"));
}

void GenerationKeeper::Switch(std::shared_ptr<const ServedGeneration> opened) {
  std::shared_ptr<const ServedGeneration> dropped;  // unmapped outside the lock
  absl::MutexLock lock(&mutex_);
  dropped = std::move(view_.previous);
  view_.previous = std::move(view_.current);
  view_.current = std::move(opened);
  drop_previous_at_ =
      view_.previous == nullptr ? absl::InfiniteFuture() : clock_.Now() + options_.keep_previous;
}

absl::Duration GenerationKeeper::TimeToDropLocked() const {
  return drop_previous_at_ - clock_.Now();
}

void GenerationKeeper::DropPreviousWhenDue() {
  std::shared_ptr<const ServedGeneration> dropped;
  absl::MutexLock lock(&mutex_);
  if (drop_previous_at_ > clock_.Now()) return;
  dropped = std::move(view_.previous);
  view_.previous = nullptr;
  drop_previous_at_ = absl::InfiniteFuture();
}

absl::StatusOr<std::shared_ptr<const ServedGeneration>> GenerationKeeper::Find(
    uint64_t generation, uint64_t checksum) const {
  absl::MutexLock lock(&mutex_);
  if (view_.current == nullptr) return absl::UnavailableError("no generation is served yet");
  if (Matches(*view_.current, generation, checksum)) return view_.current;
  if (view_.previous != nullptr && Matches(*view_.previous, generation, checksum)) {
    return view_.previous;
  }
  std::string held = Name(view_.current->number(), view_.current->checksum());
  if (view_.previous != nullptr) {
    held += Concat(" and ", Name(view_.previous->number(), view_.previous->checksum()));
  }
  return absl::FailedPreconditionError(
      Concat("generation ", Name(generation, checksum), " is asked for, ", held, " is held"));
}

ServedView GenerationKeeper::View() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

}  // namespace canopy
