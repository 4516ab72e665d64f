// QuerySession against thousands of random clusters on a virtual clock: leaves that are slow,
// refuse, die, answer from another generation, answer wrongly, or only for some shards, in any
// order. The invariants hold for every seed. CANOPY_TEST_SEED=n runs the one seed n.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "root/query_session.h"
#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

constexpr uint64_t kSeeds = 6000;

// The faults of one simulated cluster, as chances for each reply.
struct Faults {
  double error = 0;
  double query_error = 0;  // INVALID_ARGUMENT
  double wrong_generation = 0;
  double wrong_answer = 0;
  double shard_failure = 0;  // inside an OK reply
  double truncated = 0;
  double never = 0;  // no reply at all
  double slow = 0;   // replies around or behind the deadline
  double down = 0;   // a replica is not to be used
  double client_gone = 0;

  bool None() const {
    return error + query_error + wrong_generation + wrong_answer + shard_failure + truncated +
               never + slow + down + client_gone ==
           0;
  }
};

class Simulation final {
 public:
  explicit Simulation(uint64_t seed)
      : random_(seed),
        options_(RandomCollection(seed)),
        collection_(options_),
        other_collection_({.seed = seed + 1,
                           .docs = options_.docs,
                           .shards = options_.shards,
                           .generation = options_.generation + Below(2)}),
        view_(FakeCluster(collection_.info(),
                          {.leaves = 1 + Below(options_.shards + 1), .replicas = 1 + Below(4)})) {
    faults_ = RandomFaults();
    for (auto& replicas : view_->shards) {
      for (ReplicaView& replica : replicas) {
        if (Chance(faults_.down)) {
          replica.health = Chance(0.5) ? ReplicaHealth::kDown : ReplicaHealth::kStandby;
          replica.reason = "probe failed";
        }
      }
    }
    query_.k = 1 + Below(30);
    query_.offset = Below(2) * Below(40);
    query_.count_only = Chance(0.1);
    query_.total_may_be_lower_bound = Chance(0.3);
    const double coverages[] = {0, 0.3, 0.5, 0.9, 1, 1};
    query_.min_coverage = coverages[Below(6)];
    query_.deadline = start_ + absl::Milliseconds(100);
    query_.soft_deadline = query_.deadline - absl::Milliseconds(Below(30));
  }

  void Run() {
    query_.query_hash = random_();
    session_ = std::make_unique<QuerySession>(query_, view_, steering_);
    Take(session_->Start(now_));
    if (Chance(faults_.client_gone)) At(Delay(), [this] { Take(session_->Cancel(now_)); });
    for (int events = 0; !events_.empty(); ++events) {
      ASSERT_LT(events, 10'000) << "wakes up for ever";
      auto event = events_.extract(events_.begin());
      now_ = event.key();
      event.mapped()();
      if (!done_ && wake_at_ && now_ >= *wake_at_) {
        wake_at_.reset();
        Take(session_->OnTimer(now_));
      }
    }
    ASSERT_TRUE(done_) << "never done";
    CheckCounters();
  }

  std::string OutcomeBytes() const {
    return result_.ok() ? result_->SerializeAsString() : result_.status().ToString();
  }

 private:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  bool Chance(double chance) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < chance;
  }
  void At(absl::Time time, std::function<void()> event) { events_.emplace(time, std::move(event)); }

  static FakeCollectionOptions RandomCollection(uint64_t seed) {
    std::mt19937_64 random(seed * 31 + 7);
    return {.seed = seed,
            .docs = random() % 300,
            .shards = static_cast<uint32_t>(1 + random() % 12),
            .generation = 1 + random() % 3,
            .best_shard = random() % 3 == 0};
  }
  // Mostly one or two kinds of fault at a time, in a third of the runs none.
  Faults RandomFaults() {
    Faults faults;
    double* const all[] = {&faults.error,        &faults.query_error,   &faults.wrong_generation,
                           &faults.wrong_answer, &faults.shard_failure, &faults.truncated,
                           &faults.never,        &faults.slow,          &faults.down,
                           &faults.client_gone};
    const double chances[] = {0.05, 0.3, 0.7, 1};
    for (uint32_t kinds = Below(3); kinds > 0; --kinds)
      *all[Below(std::size(all))] = chances[Below(4)];
    return faults;
  }
  absl::Time Delay() {
    const int64_t most = Chance(faults_.slow) ? 150'000 : 20'000;
    return now_ + absl::Microseconds(Below(most));
  }

  void Take(SessionActions actions) {
    if (done_) {
      ASSERT_TRUE(actions.searches.empty() && actions.fetches.empty() && actions.cancels.empty());
      ASSERT_FALSE(actions.done.has_value()) << "done twice";
      return;
    }
    ASSERT_FALSE(actions.done && !(actions.searches.empty() && actions.fetches.empty()));
    for (CallId call : actions.cancels) ASSERT_EQ(open_.erase(call), 1u);
    std::set<std::pair<LeafIndex, v1::AttemptKind>> started;
    for (const auto& call : actions.searches) {
      ASSERT_TRUE(started.emplace(call.leaf, call.kind).second) << "two calls to one leaf";
      StartSearch(call);
    }
    for (const auto& call : actions.fetches) StartFetch(call);
    if (actions.wake_at) {
      wake_at_ = actions.wake_at;
      At(*wake_at_, [] {});
    }
    if (!actions.done) return;
    done_ = true;
    ASSERT_TRUE(open_.empty()) << "calls left in flight";
    result_ = *std::move(actions.done);
    ASSERT_LE(now_, query_.deadline);
    CheckResult();
  }

  // What was asked about one shard, in one of the two scatters.
  struct Asked {
    std::set<LeafIndex> leaves;
    int retries = 0, hedges = 0;
  };

  void CheckMayCall(LeafIndex leaf, ShardId shard, v1::AttemptKind kind, Asked& asked) {
    bool usable = false;
    for (const ReplicaView& replica : view_->shards[shard]) {
      usable |= replica.leaf == leaf && replica.health != ReplicaHealth::kDown;
    }
    ASSERT_TRUE(usable) << "a leaf that is down, or not of the shard";
    ASSERT_TRUE(asked.leaves.insert(leaf).second) << "asked the same leaf twice";
    if (IsHedge(kind)) {
      ASSERT_EQ(++asked.hedges, 1) << "shard " << shard;
      ASSERT_GT(asked.leaves.size(), 1u);
    } else if (kind == v1::ATTEMPT_KIND_RETRY || kind == v1::ATTEMPT_KIND_FETCH_RETRY) {
      ASSERT_EQ(++asked.retries, 1) << "shard " << shard;
    } else {
      ASSERT_EQ(asked.leaves.size(), 1u);
    }
  }

  void StartSearch(const SessionActions::SearchCall& call) {
    ASSERT_TRUE(open_.insert(call.call).second);
    ASSERT_LT(now_, query_.soft_deadline);
    primaries_ += call.kind == v1::ATTEMPT_KIND_PRIMARY;
    retries_ += call.kind == v1::ATTEMPT_KIND_RETRY;
    hedges_ += IsHedge(call.kind);
    for (ShardId shard : call.shards) {
      if (call.kind == v1::ATTEMPT_KIND_MORE) {
        // Again only after another shard has failed.
        ASSERT_LE(++more_[shard], options_.shards);
        searched_[shard] = {};
      }
      CheckMayCall(call.leaf, shard, call.kind, searched_[shard]);
    }
    if (Chance(faults_.never)) return;
    absl::StatusOr<v1::SearchResponse> reply = SearchReply(call);
    At(Delay(), [this, call, reply] {
      const bool expected = open_.erase(call.call) > 0;
      late_ += expected ? 0 : 1;
      Take(session_->OnScatterResponse(call.call, reply, now_));
    });
  }

  absl::StatusOr<v1::SearchResponse> SearchReply(const SessionActions::SearchCall& call) {
    if (Chance(faults_.query_error)) return absl::InvalidArgumentError("unknown field");
    if (Chance(faults_.error)) {
      const absl::StatusCode codes[] = {absl::StatusCode::kUnavailable,
                                        absl::StatusCode::kResourceExhausted,
                                        absl::StatusCode::kDeadlineExceeded,
                                        absl::StatusCode::kCancelled, absl::StatusCode::kDataLoss};
      return absl::Status(codes[Below(5)], "injected");
    }
    const bool other = Chance(faults_.wrong_generation);
    v1::SearchResponse reply =
        (other ? other_collection_ : collection_).Search(call.shards, call.k, call.score_threshold);
    for (v1::ShardAnswer& answer : *reply.mutable_shard_answers()) {
      if (Chance(faults_.wrong_answer)) SpoilAnswer(answer);
      if (Chance(faults_.shard_failure)) {
        const ShardId shard = answer.shard();
        answer.Clear();
        answer.set_shard(shard);
        answer.set_state(v1::SHARD_STATE_MISSING);
        answer.set_reason("injected");
      }
      if (Chance(faults_.truncated) && answer.state() == v1::SHARD_STATE_COMPLETE) {
        Truncate(answer);
      }
    }
    return reply;
  }

  void SpoilAnswer(v1::ShardAnswer& answer) {
    switch (Below(3)) {
      case 0:
        answer.set_shard(answer.shard() + 1);
        break;
      case 1:
        answer.set_docs_covered(answer.docs_covered() + 1);
        break;
      default:
        answer.add_hits()->set_score(1e9);
    }
  }

  // The second half of the documents was not reached: a leaf may say so, and what it found stands.
  void Truncate(v1::ShardAnswer& answer) {
    answer.set_state(v1::SHARD_STATE_TRUNCATED);
    answer.set_docs_covered(answer.docs_total() / 2);
    answer.set_reason("deadline");
    answer.mutable_hits()->Clear();
    answer.mutable_total()->set_value(0);
    answer.mutable_total()->set_relation(v1::Total::GTE);
  }

  void StartFetch(const SessionActions::FetchCall& call) {
    ASSERT_TRUE(open_.insert(call.call).second);
    ASSERT_LT(now_, query_.deadline);
    ASSERT_FALSE(call.docs.empty());
    std::set<ShardId> shards;
    for (DocId doc : call.docs) shards.insert(doc % options_.shards);
    for (ShardId shard : shards) {
      CheckMayCall(call.leaf, shard, call.kind, fetched_[shard]);
    }
    hedges_ += IsHedge(call.kind);
    if (Chance(faults_.never)) return;
    absl::StatusOr<v1::FetchResponse> reply = FetchReply(call);
    At(Delay(), [this, call, reply] {
      late_ += open_.erase(call.call) > 0 ? 0 : 1;
      Take(session_->OnFetchResponse(call.call, reply, now_));
    });
  }

  absl::StatusOr<v1::FetchResponse> FetchReply(const SessionActions::FetchCall& call) {
    if (Chance(faults_.error)) return absl::UnavailableError("injected");
    v1::FetchResponse reply = collection_.Fetch(call.docs);
    if (Chance(faults_.wrong_generation)) reply.set_collection_checksum(1);
    if (Chance(faults_.wrong_answer)) reply.mutable_hits(0)->set_doc(1 << 30);
    return reply;
  }

  void CheckResult() {
    if (!result_.ok()) {
      EXPECT_FALSE(faults_.None()) << result_.status();
      return;
    }
    const v1::Coverage& coverage = result_->coverage();
    std::vector<bool> covered;
    uint64_t docs = 0, docs_total = 0;
    for (ShardId shard = 0; shard < options_.shards; ++shard) {
      const v1::ShardCoverage& of_shard = coverage.shards(shard);
      covered.push_back(of_shard.state() == v1::SHARD_STATE_COMPLETE);
      EXPECT_EQ(of_shard.shard(), shard);
      EXPECT_EQ(of_shard.docs_total(), DocsInShard(options_.docs, shard, options_.shards));
      EXPECT_EQ(of_shard.reason().empty(), covered.back());
      docs += of_shard.docs_covered();
      docs_total += of_shard.docs_total();
    }
    EXPECT_EQ(docs, coverage.docs_covered());
    EXPECT_EQ(docs_total, options_.docs);
    EXPECT_EQ(coverage.docs_total(), options_.docs);
    if (!coverage.complete() && !(query_.total_may_be_lower_bound && result_->top_k_exact())) {
      EXPECT_GT(docs, 0u);
      EXPECT_LT(query_.min_coverage, 1);
      EXPECT_GE(static_cast<double>(docs) / static_cast<double>(docs_total), query_.min_coverage);
    }
    CheckHits(covered);
  }

  // A shard that was cut short has no hits here, so hits and total are those of the complete
  // shards.
  void CheckHits(const std::vector<bool>& covered) {
    const uint32_t k = query_.count_only ? 0 : query_.k;
    const v1::SearchResponse reference = collection_.Reference(k, query_.offset, covered);
    EXPECT_EQ(result_->generation(), reference.generation());
    EXPECT_EQ(result_->total().SerializeAsString(), reference.total().SerializeAsString());
    ASSERT_EQ(result_->hits_size(), reference.hits_size());
    for (int i = 0; i < reference.hits_size(); ++i) {
      EXPECT_EQ(result_->hits(i).SerializeAsString(), reference.hits(i).SerializeAsString());
    }
    EXPECT_TRUE(result_->coverage().complete() || query_.total_may_be_lower_bound ||
                !faults_.None());
    if (query_.count_only || !result_->top_k_exact()) return;
    const v1::SearchResponse whole = collection_.Reference(k, query_.offset);
    ASSERT_EQ(result_->hits_size(), whole.hits_size());
    for (int i = 0; i < whole.hits_size(); ++i) {
      EXPECT_EQ(result_->hits(i).SerializeAsString(), whole.hits(i).SerializeAsString());
    }
  }

  void CheckCounters() const {
    const SessionCounters& counters = steering_.counters;
    EXPECT_EQ(counters.primary_calls, primaries_);
    EXPECT_EQ(counters.retry_calls, retries_);
    EXPECT_EQ(counters.hedge_calls, hedges_);
    for (const LeafView& leaf : view_->leaves) {
      EXPECT_EQ(steering_.loads.InFlight(leaf.slot, now_ + absl::Minutes(1)), 0u);
    }
    EXPECT_EQ(counters.hedges_won + counters.hedges_lost + counters.hedges_cancelled +
                  counters.hedges_failed,
              hedges_);
    EXPECT_EQ(counters.late_replies, late_);
    EXPECT_TRUE(faults_.wrong_generation > 0 || counters.wrong_generation_replies == 0);
  }

  std::mt19937_64 random_;
  const FakeCollectionOptions options_;
  const FakeCollection collection_;
  const FakeCollection
      other_collection_;  // another generation, or another build with the same number
  const std::shared_ptr<ClusterView> view_;
  Faults faults_;
  SessionQuery query_;
  Steering steering_;
  std::unique_ptr<QuerySession> session_;

  const absl::Time start_ = absl::UnixEpoch() + absl::Hours(1);
  absl::Time now_ = start_;
  std::multimap<absl::Time, std::function<void()>> events_;
  std::optional<absl::Time> wake_at_;

  std::set<CallId> open_;
  std::map<ShardId, Asked> searched_, fetched_;
  std::map<ShardId, uint32_t> more_;  // how often shards were asked for more hits
  uint64_t primaries_ = 0, retries_ = 0, hedges_ = 0, late_ = 0;
  bool done_ = false;
  absl::StatusOr<v1::SearchResponse> result_ = absl::UnknownError("not done");
};

std::pair<uint64_t, uint64_t> Seeds() {
  const char* seed = std::getenv("CANOPY_TEST_SEED");
  if (seed == nullptr) return {1, kSeeds};
  const uint64_t one = std::strtoull(seed, nullptr, 10);
  return {one, one};
}

TEST(QuerySessionSimulation, KeepsItsInvariantsForEverySeed) {
  const auto [first, last] = Seeds();
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("CANOPY_TEST_SEED=" + std::to_string(seed));
    Simulation simulation(seed);
    simulation.Run();
    if (HasFailure()) return;
    const std::string outcome = simulation.OutcomeBytes();
    Simulation again(seed);
    again.Run();
    ASSERT_EQ(outcome, again.OutcomeBytes()) << "same seed, other bytes";
  }
}

}  // namespace
}  // namespace canopy
