#include "simulator/workload.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace canopy {
namespace {

constexpr uint64_t kGeneration = 1;
constexpr uint64_t kChecksum = 1;
constexpr uint64_t kDocsInShard = 10'000;  // as many hits as a query may ask for

// What a generator is for: the first step of its path.
enum Purpose : uint64_t { kArrival, kQuery, kWinners, kShard, kSearch, kFetch };

// What a leaf says of one shard. Postings are spread evenly, also where times differ.
uint64_t ReportedCost(const QueryWork& query) {
  return std::max<uint64_t>(1, static_cast<uint64_t>(std::llround(query.cost)));
}

Nanos Rounded(double nanos) { return static_cast<Nanos>(std::llround(nanos)); }

}  // namespace

v1::CollectionInfo Workload::collection() const {
  v1::CollectionInfo info;
  info.set_generation(kGeneration);
  info.set_checksum(kChecksum);
  info.set_num_shards(options_.cluster.shards);
  info.set_docs_total(kDocsInShard * options_.cluster.shards);
  info.set_analyzer("ascii");
  return info;
}

double Workload::QpsAt(Nanos now) const {
  double qps = options_.load.front().qps;
  for (const LoadStep& step : options_.load) {
    if (step.at <= now) qps = step.qps;
  }
  return qps;
}

Nanos Workload::NextArrival(uint64_t number, Nanos now) const {
  return Rounded(Random(options_.seed, {kArrival, number}).Exponential(kNanosPerSecond) /
                 QpsAt(now));
}

QueryWork Workload::MakeQuery(uint64_t number) const {
  Random random(options_.seed, {kQuery, number});
  QueryWork query{.number = number, .hash = random.Next(), .winners = {}};
  query.cost = options_.work.cost.Sample(random);
  query.root = Rounded(options_.work.root.Sample(random));
  if (random.Chance(options_.query.cancelled_share)) {
    query.client_leaves = static_cast<Nanos>(random.Below(options_.query.timeout));
  }
  std::vector<ShardId> shards;
  Random winners(options_.seed, {kWinners, number});
  for (uint32_t hit = 0; hit < options_.query.k; ++hit) {
    shards.push_back(static_cast<ShardId>(winners.Below(options_.cluster.shards)));
  }
  std::sort(shards.begin(), shards.end());
  for (ShardId shard : shards) {
    if (query.winners.empty() || query.winners.back().first != shard) {
      query.winners.emplace_back(shard, 0);
    }
    ++query.winners.back().second;
  }
  return query;
}

double Workload::TimeIn(const QueryWork& query, ShardId shard) const {
  const WorkModel& work = options_.work;
  Random random(options_.seed, {kShard, query.number, shard});
  return work.fixed + query.cost * work.ns_per_posting * work.shard_factor.Sample(random);
}

CallWork Workload::SearchWork(const QueryWork& query, LeafIndex leaf,
                              absl::Span<const ShardId> shards) const {
  const WorkModel& work = options_.work;
  Random random(options_.seed, {kSearch, query.number, leaf});
  CallWork call{.wire = Rounded(work.wire.Sample(random)),
                .cost = ReportedCost(query) * shards.size(),
                .tasks = {}};
  if (random.Chance(work.straggler_share)) {
    call.delay = Rounded(work.straggler_delay.Sample(random));
  }
  call.tasks.reserve(shards.size());
  for (ShardId shard : shards) {
    call.tasks.push_back(TimeIn(query, shard) * work.call_factor.Sample(random));
  }
  return call;
}

CallWork Workload::FetchWork(const QueryWork& query, LeafIndex leaf) const {
  Random random(options_.seed, {kFetch, query.number, leaf});
  CallWork call{.wire = Rounded(options_.work.wire.Sample(random)), .tasks = {}};
  call.tasks.push_back(options_.work.fetch.Sample(random));
  return call;
}

uint32_t Workload::MatchesIn(const QueryWork& query, ShardId shard) const {
  if (options_.query.k == 0) return 1;
  const auto found = std::lower_bound(query.winners.begin(), query.winners.end(),
                                      std::pair<ShardId, uint32_t>(shard, 0));
  return found != query.winners.end() && found->first == shard ? found->second : 0;
}

v1::SearchResponse Workload::SearchReply(const QueryWork& query, absl::Span<const ShardId> shards,
                                         uint32_t k) const {
  v1::SearchResponse reply;
  reply.set_generation(kGeneration);
  reply.set_collection_checksum(kChecksum);
  reply.mutable_shard_answers()->Reserve(static_cast<int>(shards.size()));
  for (ShardId shard : shards) {
    v1::ShardAnswer& answer = *reply.add_shard_answers();
    answer.set_shard(shard);
    answer.set_state(v1::SHARD_STATE_COMPLETE);
    answer.set_docs_total(kDocsInShard);
    answer.set_docs_covered(kDocsInShard);
    answer.set_cost(ReportedCost(query));
    const uint32_t matches = MatchesIn(query, shard);
    answer.mutable_total()->set_value(matches);
    for (uint32_t i = 0; i < std::min(matches, k); ++i) {
      v1::ShardHit& hit = *answer.add_hits();
      hit.set_doc(GlobalDoc({.shard = shard, .local = i}, options_.cluster.shards));
      hit.set_score(1);
    }
  }
  return reply;
}

v1::FetchResponse Workload::FetchReply(absl::Span<const DocId> docs) const {
  v1::FetchResponse reply;
  reply.set_generation(kGeneration);
  reply.set_collection_checksum(kChecksum);
  for (DocId doc : docs) {
    v1::Hit& hit = *reply.add_hits();
    hit.set_doc(doc);
    hit.set_id("d");
  }
  return reply;
}

}  // namespace canopy
