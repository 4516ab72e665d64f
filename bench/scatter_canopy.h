// Scatters over Canopy's own code, one query at a time on the thread of an event loop: LeafClient
// as a root uses it, and a whole root.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "canopy/v1/search.pb.h"
#include "root/root_service.h"
#include "rpc/event_loop.h"
#include "rpc/leaf_client.h"

namespace canopy {

// One call of LeafClient for each leaf. Thread safety: RunOne on the loop's thread.
class ClientScatter final {
 public:
  ClientScatter(EventLoop& loop, int leaves);
  void RunOne(std::function<void()> done);
  double calls_per_query() const { return static_cast<double>(clients_.size()); }

 private:
  EventLoop& loop_;
  std::vector<std::unique_ptr<LeafClient>> clients_;
  std::vector<std::shared_ptr<const v1::SearchRequest>> requests_;
  size_t left_ = 0;
  std::function<void()> done_;
};

// RootService over its own connector: a query is checked, parsed, planned, scattered and merged;
// one that wants hits then fetches them from the leaves that have them, which is another call for
// each. Thread safety: RunOne on the loop's thread.
class RootScatter final {
 public:
  // Returns when every shard has a usable replica.
  RootScatter(EventLoop& loop, int leaves, bool count_only);
  void RunOne(std::function<void()> done);
  double calls_per_query() const { return calls_; }

 private:
  EventLoop& loop_;
  absl::Notification serving_;
  RootService root_;
  const std::shared_ptr<v1::SearchRequest> request_ = std::make_shared<v1::SearchRequest>();
  double calls_ = 0;
};

}  // namespace canopy
