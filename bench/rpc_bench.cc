// What it costs to ask N leaf processes and hear from all of them, with no search in between: the
// floor under a root, and the root itself. Each leaf is a process of its own on loopback that
// answers with ten hits (scatter_leaves.h); one query is in flight at a time.
//
//   BM_Callback    gRPC alone (scatter_raw.h): unary calls, callback API
//   BM_Queue       unary calls on a completion queue
//   BM_Stream      a stream for each leaf that stays open, on a completion queue; its leaves are
//                  gRPC alone too
//   BM_LeafClient  Canopy's client (scatter_canopy.h), as a root uses it: frames, not gRPC
//   BM_RootCount   a root: parses, plans, scatters, merges; only counts
//   BM_RootTop10   the same with ten hits, whose fields it fetches
//
// Counters, a query: p50_us and p99_us; cpu_us of this process (all its threads; leaves have their
// own); calls to leaves; qps. Compare cpu_us of rows of one run and with equal calls: that of
// BM_RootTop10, which has up to twice as many as there are leaves, with the raw row for as many. A
// root is to stay within 1.5 times BM_Queue. On a busy machine the smallest of several repetitions
// (--benchmark_repetitions, --benchmark_enable_random_interleaving) says most.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/clock.h"
#include "bench/scatter_canopy.h"
#include "bench/scatter_leaves.h"
#include "bench/scatter_raw.h"

namespace canopy {
namespace {

constexpr int kQueriesAnIteration = 500;

double ProcessCpuMicros() {
  timespec time;
  CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

struct Measured {
  std::vector<double> latencies_us;
  double cpu_us = 0;
  double seconds = 0;
};

// One query after the other on the caller's thread.
template <typename Scatter>
class RawRunner final {
 public:
  explicit RawRunner(int leaves) : scatter_(leaves), leaves_(leaves) {}

  void Run(int queries, Measured& measured) {
    for (int i = 0; i < queries; ++i) {
      const absl::Time started = SteadyClock().Now();
      scatter_.RunOne();
      measured.latencies_us.push_back(absl::ToDoubleMicroseconds(SteadyClock().Now() - started));
    }
  }
  double calls_per_query() const { return leaves_; }

 private:
  Scatter scatter_;
  const int leaves_;
};

// The same on an event loop's thread.
template <typename Scatter>
class LoopRunner final {
 public:
  template <typename... Args>
  explicit LoopRunner(Args... args) : scatter_(loop_, args...) {}

  void Run(int queries, Measured& measured) {
    queries_left_ = queries;
    measured_ = &measured;
    absl::Notification done;
    done_ = &done;
    loop_.Post([this] { Start(); });
    done.WaitForNotification();
  }
  double calls_per_query() const { return scatter_.calls_per_query(); }

 private:
  void Start() {
    started_ = loop_.clock().Now();
    scatter_.RunOne([this] { OnDone(); });
  }
  void OnDone() {
    measured_->latencies_us.push_back(absl::ToDoubleMicroseconds(loop_.clock().Now() - started_));
    if (--queries_left_ == 0) return done_->Notify();
    loop_.Post([this] { Start(); });  // when what has ended is off the stack
  }

  EventLoop loop_;
  Scatter scatter_;
  absl::Time started_;
  int queries_left_ = 0;
  Measured* measured_ = nullptr;
  absl::Notification* done_ = nullptr;
};

double Quantile(std::vector<double>& values, double q) {
  const auto at = values.begin() + static_cast<ptrdiff_t>(q * (values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

template <typename Runner>
void Measure(Runner& runner, benchmark::State& state) {
#ifndef NDEBUG
  state.SkipWithError("a debug build reports nothing");
  return;
#endif
  Measured warm_up, measured;
  runner.Run(kQueriesAnIteration, warm_up);  // connections, caches
  for (auto _ : state) {
    const absl::Time started = SteadyClock().Now();
    const double cpu_before = ProcessCpuMicros();
    runner.Run(kQueriesAnIteration, measured);
    measured.cpu_us += ProcessCpuMicros() - cpu_before;
    measured.seconds += absl::ToDoubleSeconds(SteadyClock().Now() - started);
  }
  const auto queries = static_cast<double>(measured.latencies_us.size());
  state.counters["p50_us"] = Quantile(measured.latencies_us, 0.5);
  state.counters["p99_us"] = Quantile(measured.latencies_us, 0.99);
  state.counters["cpu_us"] = measured.cpu_us / queries;
  state.counters["qps"] = queries / measured.seconds;
  state.counters["calls"] = runner.calls_per_query();
}

template <typename Scatter>
void MeasureRaw(benchmark::State& state) {
  RawRunner<Scatter> runner(static_cast<int>(state.range(0)));
  Measure(runner, state);
}
void MeasureRoot(benchmark::State& state, bool count_only) {
  LoopRunner<RootScatter> runner(static_cast<int>(state.range(0)), count_only);
  Measure(runner, state);
}

void BM_Callback(benchmark::State& state) { MeasureRaw<CallbackScatter>(state); }
void BM_Queue(benchmark::State& state) { MeasureRaw<QueueScatter>(state); }
void BM_Stream(benchmark::State& state) { MeasureRaw<StreamScatter>(state); }
void BM_LeafClient(benchmark::State& state) {
  LoopRunner<ClientScatter> runner(static_cast<int>(state.range(0)));
  Measure(runner, state);
}
void BM_RootCount(benchmark::State& state) { MeasureRoot(state, true); }
void BM_RootTop10(benchmark::State& state) { MeasureRoot(state, false); }

void EveryNumberOfLeaves(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1)->Arg(4)->Arg(16)->ArgName("leaves")->UseRealTime();
}
BENCHMARK(BM_Callback)->Apply(EveryNumberOfLeaves);
BENCHMARK(BM_Queue)->Apply(EveryNumberOfLeaves);
BENCHMARK(BM_Stream)->Apply(EveryNumberOfLeaves);
BENCHMARK(BM_LeafClient)->Apply(EveryNumberOfLeaves);
BENCHMARK(BM_RootCount)->Apply(EveryNumberOfLeaves);
BENCHMARK(BM_RootTop10)->Apply(EveryNumberOfLeaves);

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as base/main.cc
  canopy::StartScatterLeaves();  // before anything that has threads
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
