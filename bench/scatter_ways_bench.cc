// The two ways to scatter, side by side: two roots in this process, the same queries in turn, over
// real leaf processes that bench/scatter_ways.py has started: one root's have a shard each, the
// other's the whole corpus each (--scatter term). One client with one query in flight. Prints one
// line of JSON: for each command and class of queries mean, p50 and p99 over its queries of the
// median over the passes, and the bytes of requests and replies between root and leaves.
//
// The corpus is synthetic (corpus/synthetic.h), so that a term's rank says how frequent it is.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "corpus/synthetic.h"
#include "root/root_service.h"

namespace canopy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kQueriesAClass = 20;
constexpr absl::Duration kTimeout = absl::Seconds(20);

struct Options {
  std::string document, term;  // addresses of leaves, with commas
  int64_t warmup = 2, passes = 5, seed = 1;
};

// Ranks of terms, from the most frequent on.
struct Band {
  uint32_t first, last;
};
constexpr Band kFrequent = {10, 99}, kRare = {3000, 30'000};

struct QueryClass {
  std::string name;
  bool all = false;  // intersection, else union
  std::vector<Band> bands;
};

std::vector<QueryClass> Classes() {
  std::vector<QueryClass> classes;
  for (const bool all : {true, false}) {
    for (const size_t terms : {2, 3, 5}) {
      const std::string name = Concat(all ? "intersection" : "union", " of ", terms, ", ");
      classes.push_back({name + "frequent", all, std::vector<Band>(terms, kFrequent)});
      classes.push_back({name + "rare", all, std::vector<Band>(terms, kRare)});
      classes.push_back({name + "one rare", all, std::vector<Band>(terms, kFrequent)});
      classes.back().bands[0] = kRare;
    }
  }
  return classes;
}

v1::SearchRequest MakeQuery(const QueryClass& of, bool count_only, std::mt19937& random) {
  v1::SearchRequest request;
  v1::BooleanQuery& boolean = *request.mutable_query()->mutable_boolean();
  for (const Band& band : of.bands) {
    v1::Query& clause = of.all ? *boolean.add_must() : *boolean.add_should();
    const uint32_t rank = band.first + random() % (band.last - band.first + 1);
    clause.mutable_term()->set_text(SyntheticTerm(rank));
  }
  request.set_count_only(count_only);
  request.set_k(10);
  request.set_omit_fields(true);
  request.set_timeout_us(absl::ToInt64Microseconds(kTimeout));
  return request;
}

// Adds up the bytes of messages while it is told to; the loop's thread and the client's take turns.
struct Meter {
  std::atomic<bool> on{false};
  std::atomic<uint64_t> bytes{0};

  template <typename Message>
  void Count(const Message& message) {
    if (on) bytes += message.ByteSizeLong();
  }
  template <typename Response>
  SearchBackend::Done<Response> Counting(SearchBackend::Done<Response> done) {
    return [this, done = std::move(done)](absl::StatusOr<Response> response) {
      if (response.ok()) Count(*response);
      done(std::move(response));
    };
  }
};

class MeteredBackend final : public SearchBackend {
 public:
  MeteredBackend(std::unique_ptr<SearchBackend> backend, Meter& meter)
      : backend_(std::move(backend)), meter_(meter) {}

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override {
    meter_.Count(*request);
    backend_->Search(std::move(request), std::move(context), meter_.Counting(std::move(done)));
  }
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override {
    meter_.Count(*request);
    backend_->Fetch(std::move(request), std::move(context), meter_.Counting(std::move(done)));
  }

 private:
  const std::unique_ptr<SearchBackend> backend_;
  Meter& meter_;
};

LeafConnector Metered(LeafConnector connect, Meter& meter) {
  return [connect = std::move(connect), &meter](const std::string& address) {
    auto connection = connect(address);
    connection->backend = std::make_unique<MeteredBackend>(std::move(connection->backend), meter);
    connection->postings = [&meter, postings = std::move(connection->postings)](
                               std::shared_ptr<const v1::PostingsRequest> request, auto context,
                               SearchBackend::Done<v1::PostingsResponse> done) {
      meter.Count(*request);
      postings(std::move(request), std::move(context), meter.Counting(std::move(done)));
    };
    return connection;
  };
}

// One root and what it is asked.
class Way final {
 public:
  Way(ScatterWay scatter, const std::string& addresses) {
    const std::vector<std::string> leaves = absl::StrSplit(addresses, ',');
    Topology topology;
    if (scatter == ScatterWay::kByTerm) {
      topology.shards = {leaves};
    } else {
      for (const std::string& leaf : leaves) topology.shards.push_back({leaf});
    }
    RootOptions options;
    options.scatter = scatter;
    options.on_serving = [this](bool serving) {
      if (serving && !serving_.HasBeenNotified()) serving_.Notify();
    };
    root_ = std::make_unique<RootService>(loop_, Metered(RemoteLeafConnector(loop_, {}), meter_),
                                          options);
    root_->SetTopology(topology);
    CHECK(serving_.WaitForNotificationWithTimeout(absl::Seconds(30)));
  }
  ~Way() {
    root_.reset();
    loop_.Stop();
  }

  // The matches; `us`: from the request to the answer.
  uint64_t Ask(const v1::SearchRequest& request, double& us) {
    const auto shared = std::make_shared<v1::SearchRequest>(request);
    const absl::Time started = SteadyClock().Now();
    absl::Notification done;
    uint64_t total = 0;
    root_->Search(shared, std::make_shared<Cancellation>(SteadyClock(), started + kTimeout),
                  [&](const absl::StatusOr<v1::SearchResponse>& response) {
                    CHECK(response.ok());
                    total = response->total().value();
                    done.Notify();
                  });
    done.WaitForNotification();
    us = absl::ToDoubleMicroseconds(SteadyClock().Now() - started);
    return total;
  }
  Meter& meter() { return meter_; }

 private:
  Meter meter_;
  absl::Notification serving_;
  EventLoop loop_;
  std::unique_ptr<RootService> root_;
};

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(q * values.size()))];
}

Json Summary(const std::vector<std::vector<double>>& times_us, uint64_t bytes) {
  std::vector<double> medians;
  double sum = 0;
  for (const std::vector<double>& of_query : times_us) {
    medians.push_back(Quantile(of_query, 0.5));
    sum += medians.back();
  }
  return {{"mean_us", sum / medians.size()},
          {"p50_us", Quantile(medians, 0.5)},
          {"p99_us", Quantile(medians, 0.99)},
          {"bytes", static_cast<double>(bytes) / times_us.size()}};
}

// Both ways take turns, query by query, so that what else the machine does meets both.
Json Measure(const QueryClass& of, bool count_only, const Options& options, Way& document,
             Way& term) {
  std::mt19937 random(static_cast<uint32_t>(options.seed));
  std::vector<v1::SearchRequest> queries;
  for (int i = 0; i < kQueriesAClass; ++i) queries.push_back(MakeQuery(of, count_only, random));
  std::vector<std::vector<double>> document_us(queries.size()), term_us(queries.size());
  uint64_t matches = 0;
  for (int64_t pass = -options.warmup; pass < options.passes; ++pass) {
    document.meter().on = term.meter().on = pass == -options.warmup;
    for (size_t i = 0; i < queries.size(); ++i) {
      double by_document = 0, by_term = 0;
      const uint64_t total = document.Ask(queries[i], by_document);
      CHECK(term.Ask(queries[i], by_term) == total);
      if (pass == -options.warmup) matches += total;
      if (pass < 0) continue;
      document_us[i].push_back(by_document);
      term_us[i].push_back(by_term);
    }
  }
  return {{"command", count_only ? "COUNT" : "TOP_10"},
          {"class", of.name},
          {"queries", queries.size()},
          {"matches", static_cast<double>(matches) / queries.size()},
          {"document", Summary(document_us, document.meter().bytes.exchange(0))},
          {"term", Summary(term_us, term.meter().bytes.exchange(0))}};
}

absl::Status Run(const Options& options) {
#ifndef NDEBUG
  return absl::FailedPreconditionError("a debug build measures nothing, use the release preset");
#endif
  Way document(ScatterWay::kByDocument, options.document), term(ScatterWay::kByTerm, options.term);
  Json rows = Json::array();
  for (const bool count_only : {true, false}) {
    for (const QueryClass& of : Classes()) {
      rows.push_back(Measure(of, count_only, options, document, term));
    }
  }
  std::puts(Json({{"rows", std::move(rows)}}).dump().c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  FlagSet flags("scatter_ways_bench", "Asks leaves by document and by term, and measures both.");
  flags.Group("Leaves");
  flags.AddString("document", &options.document,
                  {.value = "HOST:PORT,...", .help = "leaf of each shard", .required = true});
  flags.AddString("term", &options.term,
                  {.value = "HOST:PORT,...", .help = "leaves of the only shard", .required = true});
  flags.Group("Measuring");
  flags.AddInt("warmup", &options.warmup, {.help = "passes before timing", .min = 1, .max = 100});
  flags.AddInt("passes", &options.passes, {.help = "timed passes", .min = 1, .max = 1000});
  flags.AddInt("seed", &options.seed, {.help = "of the choice of terms", .min = 0});
  return RunMain(flags, argc, argv, [&] { return Run(options); });
}

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) { return canopy::Main(argc, argv); }
