// What it costs to ask N leaf processes and hear from all of them, with no search in between: the
// floor under a root. Each leaf is a process of its own on loopback that answers every search with
// ten hits; the client is one thread with one query in flight: BM_Unary through LeafClient on an
// event loop, as a root does it, BM_Raw with nothing but gRPC's completion queue. Counters: p50_us
// and p99_us of a query, cpu_us of the client's thread a query.
#include <benchmark/benchmark.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/clock.h"
#include "canopy/v1/service.grpc.pb.h"
#include "rpc/leaf_client.h"
#include "rpc/rpc_server.h"

namespace canopy {
namespace {

constexpr int kMaxLeaves = 16;
constexpr int kHits = 10;
constexpr int kQueriesAnIteration = 500;

class TenHits final : public SearchBackend {
 public:
  void Search(std::shared_ptr<const v1::SearchRequest> request, std::shared_ptr<Cancellation>,
              Done<v1::SearchResponse> done) override {
    v1::SearchResponse response;
    response.set_generation(1);
    v1::ShardAnswer& answer = *response.add_shard_answers();
    answer.set_shard(request->shards(0));
    answer.set_state(v1::SHARD_STATE_COMPLETE);
    answer.mutable_total()->set_value(12345);
    for (int i = 0; i < kHits; ++i) {
      v1::ShardHit& hit = *answer.add_hits();
      hit.set_doc(1'000'000 + 17 * i);
      hit.set_score(20.5 - i);
    }
    done(std::move(response));
  }
  void Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
             Done<v1::FetchResponse> done) override {
    done(v1::FetchResponse());
  }
};

// In a child process: serves until the parent goes, and tells its address through the pipe.
[[noreturn]] void ServeForParent(int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  TenHits backend;
  const auto server = RpcServer::Create({}).value();
  server->AddLeafService(backend, {.status = [](auto, auto done) { done(v1::LeafStatus()); },
                                   .reload = [](auto, auto done) { done(v1::LeafStatus()); }});
  CHECK(server->Start().ok());
  const std::string line = server->address() + "\n";
  CHECK(write(pipe, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  while (true) pause();
}

std::vector<std::string> StartLeaves() {
  std::vector<std::string> addresses;
  for (int i = 0; i < kMaxLeaves; ++i) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) ServeForParent(ends[1]);
    close(ends[1]);
    std::string address;
    char c = 0;
    while (read(ends[0], &c, 1) == 1 && c != '\n') address += c;
    close(ends[0]);
    addresses.push_back(address);
  }
  return addresses;
}

std::vector<std::string>& Addresses() {
  static std::vector<std::string> addresses;
  return addresses;
}

double ThreadCpuMicros() {
  timespec time;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

std::shared_ptr<const v1::SearchRequest> MakeRequest(int shard) {
  auto request = std::make_shared<v1::SearchRequest>();
  request->set_k(kHits);
  request->add_shards(shard);
  auto& boolean = *request->mutable_query()->mutable_boolean();
  boolean.add_must()->mutable_term()->set_text("griffith");
  boolean.add_must()->mutable_term()->set_text("observatory");
  return request;
}

struct Measured {
  std::vector<double> latencies_us;
  double cpu_us = 0;
};

// Asks all leaves, one query after the other, on the loop's thread.
class LoopScatter final {
 public:
  explicit LoopScatter(int leaves) {
    for (int i = 0; i < leaves; ++i) {
      clients_.push_back(std::make_unique<LeafClient>(loop_, Addresses()[i]));
      requests_.push_back(MakeRequest(i));
    }
  }

  void Run(int queries, Measured& measured) {
    queries_left_ = queries;
    measured_ = &measured;
    absl::Notification done;
    done_ = &done;
    loop_.Post([this] {
      measured_->cpu_us -= ThreadCpuMicros();
      Start();
    });
    done.WaitForNotification();
  }

 private:
  void Start() {
    started_ = loop_.clock().Now();
    pending_ = clients_.size();
    const auto context =
        std::make_shared<Cancellation>(loop_.clock(), started_ + absl::Seconds(10));
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i]->Search(requests_[i], context, [this](const auto& response) {
        CHECK(response.ok() && response->shard_answers(0).hits_size() == kHits);
        if (--pending_ == 0) OnAll();
      });
    }
  }
  void OnAll() {
    measured_->latencies_us.push_back(absl::ToDoubleMicroseconds(loop_.clock().Now() - started_));
    if (--queries_left_ > 0) return Start();
    measured_->cpu_us += ThreadCpuMicros();
    done_->Notify();
  }

  EventLoop loop_;
  std::vector<std::unique_ptr<LeafClient>> clients_;
  std::vector<std::shared_ptr<const v1::SearchRequest>> requests_;
  absl::Time started_;
  size_t pending_ = 0;
  int queries_left_ = 0;
  Measured* measured_ = nullptr;
  absl::Notification* done_ = nullptr;
};

// The same with stubs and a completion queue, on the caller's thread.
class RawScatter final {
 public:
  explicit RawScatter(int leaves) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    for (int i = 0; i < leaves; ++i) {
      stubs_.push_back(v1::LeafService::NewStub(grpc::CreateCustomChannel(
          Addresses()[i], grpc::InsecureChannelCredentials(), arguments)));
      requests_.push_back(MakeRequest(i));
    }
  }
  ~RawScatter() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Run(int queries, Measured& measured) {
    measured.cpu_us -= ThreadCpuMicros();
    for (int i = 0; i < queries; ++i) {
      const absl::Time started = SteadyClock().Now();
      RunOne();
      measured.latencies_us.push_back(absl::ToDoubleMicroseconds(SteadyClock().Now() - started));
    }
    measured.cpu_us += ThreadCpuMicros();
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::SearchResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::SearchResponse>> reader;
  };

  void RunOne() {
    const gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(10, GPR_TIMESPAN));
    for (size_t i = 0; i < stubs_.size(); ++i) {
      auto* const call = new Call;
      call->context.set_deadline(deadline);
      call->reader = stubs_[i]->PrepareAsyncSearch(&call->context, *requests_[i], &queue_);
      call->reader->StartCall();
      call->reader->Finish(&call->response, &call->status, call);
    }
    for (size_t i = 0; i < stubs_.size(); ++i) {
      void* tag = nullptr;
      bool ok = false;
      CHECK(queue_.Next(&tag, &ok));
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      CHECK(call->status.ok() && call->response.shard_answers(0).hits_size() == kHits);
    }
  }

  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<v1::LeafService::Stub>> stubs_;
  std::vector<std::shared_ptr<const v1::SearchRequest>> requests_;
};

double Quantile(std::vector<double>& values, double q) {
  const auto at = values.begin() + static_cast<ptrdiff_t>(q * (values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

template <typename Scatter>
void MeasureScatter(benchmark::State& state) {
#ifndef NDEBUG
  state.SkipWithError("a debug build reports nothing");
  return;
#endif
  Scatter scatter(static_cast<int>(state.range(0)));
  Measured warm_up, measured;
  scatter.Run(kQueriesAnIteration, warm_up);  // connections, caches
  for (auto _ : state) scatter.Run(kQueriesAnIteration, measured);
  const auto queries = static_cast<double>(measured.latencies_us.size());
  state.SetItemsProcessed(static_cast<int64_t>(measured.latencies_us.size()));
  state.counters["p50_us"] = Quantile(measured.latencies_us, 0.5);
  state.counters["p99_us"] = Quantile(measured.latencies_us, 0.99);
  state.counters["cpu_us"] = measured.cpu_us / queries;
}

void BM_Unary(benchmark::State& state) { MeasureScatter<LoopScatter>(state); }
void BM_Raw(benchmark::State& state) { MeasureScatter<RawScatter>(state); }
BENCHMARK(BM_Unary)->Arg(1)->Arg(4)->Arg(16)->ArgName("leaves")->UseRealTime();
BENCHMARK(BM_Raw)->Arg(1)->Arg(4)->Arg(16)->ArgName("leaves")->UseRealTime();

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) {
  canopy::Addresses() = canopy::StartLeaves();  // before anything that has threads
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
