// Plays the driver and the leaves for a QuerySession in tests, step by step.
#pragma once

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "root/query_session.h"
#include "tests/root/fake_collection.h"

namespace canopy {

inline absl::Time At(int milliseconds) {
  return absl::UnixEpoch() + absl::Hours(1) + absl::Milliseconds(milliseconds);
}

// Of a session over a fake cluster; searches end at 90 ms, the query at 100 ms.
class SessionDriver {
 public:
  explicit SessionDriver(SessionQuery query = {}, FakeCollectionOptions collection = {},
                         FakeClusterOptions cluster = {.leaves = 2, .replicas = 2},
                         SteeringOptions options = {})
      : steering(options),
        collection_(collection),
        view_(FakeCluster(collection_.info(), cluster)),
        query_(query) {
    query_.soft_deadline = At(90);
    query_.deadline = At(100);
  }

  const FakeCollection& collection() const { return collection_; }
  ClusterView& view() { return *view_; }  // to be changed before Start
  QuerySession& session() { return *session_; }

  void Start(absl::Time now = At(0), uint64_t query_hash = 42) {
    query_.query_hash = query_hash;
    session_ = std::make_unique<QuerySession>(query_, view_, steering);
    Take(session_->Start(now));
  }
  // The reply that the call should get.
  v1::SearchResponse SearchReply(CallId call) const {
    const SessionActions::SearchCall& search = searches.at(call);
    v1::SearchResponse reply = collection_.Search(search.shards, search.k, search.score_threshold);
    if (search.omit_score_bounds) reply.clear_score_bounds();
    return reply;
  }
  v1::FetchResponse FetchReply(CallId call) const {
    return collection_.Fetch(fetches.at(call).docs);
  }
  void Reply(CallId call, absl::Time now = At(1)) {
    if (searches.count(call) > 0) {
      ReplySearch(call, SearchReply(call), now);
    } else {
      ReplyFetch(call, FetchReply(call), now);
    }
  }
  void ReplySearch(CallId call, absl::StatusOr<v1::SearchResponse> reply, absl::Time now = At(1)) {
    open.erase(call);
    Take(session_->OnScatterResponse(call, std::move(reply), now));
  }
  void ReplyFetch(CallId call, absl::StatusOr<v1::FetchResponse> reply, absl::Time now = At(1)) {
    open.erase(call);
    Take(session_->OnFetchResponse(call, std::move(reply), now));
  }
  void Timer(absl::Time now) { Take(session_->OnTimer(now)); }
  void Cancel(absl::Time now = At(1)) { Take(session_->Cancel(now)); }
  void ReplyToAll(absl::Time now = At(1)) {
    while (!open.empty()) Reply(*open.begin(), now);
  }

  // What it shares with other queries; may be prepared before Start.
  Steering steering;
  // All calls so far, and those that have neither been answered nor cancelled.
  std::map<CallId, SessionActions::SearchCall> searches;
  std::map<CallId, SessionActions::FetchCall> fetches;
  std::set<CallId> open;
  // Of the last event.
  SessionActions actions;
  std::optional<absl::StatusOr<v1::SearchResponse>> result;

 private:
  void Take(SessionActions taken) {
    actions = std::move(taken);
    for (const auto& call : actions.searches) {
      searches[call.call] = call;
      open.insert(call.call);
    }
    for (const auto& call : actions.fetches) {
      fetches[call.call] = call;
      open.insert(call.call);
    }
    for (CallId call : actions.cancels) open.erase(call);
    if (actions.done) result = actions.done;
  }

  const FakeCollection collection_;
  const std::shared_ptr<ClusterView> view_;
  SessionQuery query_;
  std::unique_ptr<QuerySession> session_;
};

inline std::string MessageOf(const SessionDriver& driver) {
  return std::string(driver.result->status().message());
}

// The answer is `reference`; times and attempts are not compared.
inline void ExpectWhole(const SessionDriver& driver, const v1::SearchResponse& reference) {
  ASSERT_TRUE(driver.result.has_value());
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  v1::SearchResponse response = **driver.result;
  response.clear_ledger();
  response.clear_attempts();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(response, reference))
      << response.ShortDebugString() << "\n"
      << reference.ShortDebugString();
}

}  // namespace canopy
