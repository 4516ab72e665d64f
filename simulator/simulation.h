// A whole cluster on a virtual clock: many queries at once, each a real QuerySession
// (root/query_session.h), against model leaves. In place of threads, sockets and time stand one
// event queue and seeded random numbers, so that a run is repeated by its seed, to the byte. What
// must hold for every query is checked as it runs (invariants.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "root/query_session.h"
#include "simulator/event_queue.h"
#include "simulator/leaf_model.h"
#include "simulator/monitor_model.h"
#include "simulator/options.h"
#include "simulator/report.h"
#include "simulator/workload.h"

namespace canopy {

// INVALID_ARGUMENT: options that no cluster can have, with the value and what it has to be.
absl::Status CheckOptions(const SimulationOptions& options);

// Thread safety: one thread. Lifetime: borrows the options.
class Simulation final {
 public:
  // REQUIRES: CheckOptions says OK.
  explicit Simulation(const SimulationOptions& options);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Once. INTERNAL: an invariant did not hold; which, of which query, when, under which seed.
  absl::StatusOr<SimulationReport> Run();

 private:
  using CallKey = WorkerPool::JobId;

  struct Query {
    QueryWork work;
    Nanos arrived = 0;
    Nanos begun = 0;
    Nanos deadline = 0;
    std::unique_ptr<QuerySession> session;
    std::vector<CallKey> calls;  // by CallId
    size_t open_calls = 0;       // neither answered nor cancelled
    size_t unended_calls = 0;    // whose end the session has still to hear of
    Nanos timer_at = -1;
    uint64_t timer_turn = 0;
    uint64_t events = 0;
    bool done = false;
  };
  // Lives until neither side has to do with it.
  struct Call {
    uint64_t query = 0;
    CallId id = 0;
    LeafIndex leaf = 0;
    v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
    bool fetch = false;
    bool root_waits = true;
    bool leaf_works = true;  // or will
    Nanos sent = 0;
    Nanos deadline = 0;
    Nanos wire = 0;
    WorkerPool::JobTimes times = {};  // at the leaf, once it has ended there
    std::vector<ShardId> shards = {};
    uint32_t k = 0;  // hits of each
    std::vector<DocId> docs = {};
  };

  // The load, and what goes wrong.
  void ScheduleArrival(uint64_t number);
  void StartQuery(uint64_t number);
  void BeginFault(const LeafFault& fault);
  void EndFault(const LeafFault& fault);
  absl::Status ProbeResult(LeafIndex leaf) const;

  // The root: a session's driver.
  std::unique_ptr<QuerySession> MakeSession(const Query& query);
  void Do(Query& query, SessionActions actions);
  void Apply(uint64_t number, SessionActions actions);
  void StartSearch(Query& query, const SessionActions::SearchCall& action);
  void StartFetch(Query& query, const SessionActions::FetchCall& action);
  void StartCall(Query& query, Call call, CallWork work);
  void CancelCall(Query& query, CallId id);
  void SetTimer(Query& query, Nanos at);
  void OnTimer(uint64_t number, uint64_t turn);
  void FinishQuery(Query& query, const absl::StatusOr<v1::SearchResponse>& result);
  void CountQuery(const Query& query, const absl::StatusOr<v1::SearchResponse>& result);
  void EndCall(CallKey key, const absl::Status& status);
  void TellSession(const Call& call, const absl::Status& status);
  v1::SearchResponse SearchReply(const Query& query, const Call& call) const;

  // The network, and what leaves do with calls.
  void ArriveAtLeaf(CallKey key, CallWork work);
  void OnLeafDone(CallKey key, const WorkerPool::JobTimes& times);
  void CancelAtLeaf(CallKey key);
  void CrashLeaf(LeafIndex leaf);
  void AnswerLater(CallKey key, Nanos delay, absl::Status status);
  void EndAtLeaf(CallKey key, const WorkerPool::JobTimes& times);
  void Forget(CallKey key);

  void Require(const absl::Status& status, uint64_t query);
  void Require(bool holds, uint64_t query, std::string_view what);
  void CheckSteering();
  SimulationReport MakeReport();

  const SimulationOptions& options_;
  const Workload workload_;
  Steering steering_;
  EventQueue events_;
  std::vector<std::unique_ptr<LeafModel>> leaves_;
  MonitorModel monitor_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Query>> queries_;  // by number
  absl::flat_hash_map<CallKey, std::unique_ptr<Call>> calls_;
  CallKey next_key_ = 1;
  uint64_t finished_ = 0;
  absl::Status broken_;  // the first invariant that did not hold
  SimulationReport report_;
};

}  // namespace canopy
