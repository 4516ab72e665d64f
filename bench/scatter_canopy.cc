#include "bench/scatter_canopy.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "bench/scatter_leaves.h"

namespace canopy {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);

RootOptions OptionsThatTell(absl::Notification& serving) {
  RootOptions options;
  options.on_serving = [&serving, told = false](bool now) mutable {
    if (now && !std::exchange(told, true)) serving.Notify();
  };
  return options;
}

}  // namespace

ClientScatter::ClientScatter(EventLoop& loop, int leaves) : loop_(loop) {
  for (const std::string& address : ScatterAddresses(LeafKind::kCanopy, leaves)) {
    requests_.push_back(ScatterRequest(static_cast<int>(clients_.size())));
    clients_.push_back(std::make_unique<LeafClient>(loop_, address));
  }
}

void ClientScatter::RunOne(std::function<void()> done) {
  done_ = std::move(done);
  left_ = clients_.size();
  const absl::Time deadline = loop_.clock().Now() + kTimeout;
  for (size_t i = 0; i < clients_.size(); ++i) {
    // Each its own, as a root cancels calls one by one.
    auto context = std::make_shared<Cancellation>(loop_.clock(), deadline);
    clients_[i]->Search(requests_[i], std::move(context), [this](const auto& response) {
      CHECK(response.ok());
      CHECK(response->shard_answers(0).hits_size() == static_cast<int>(kScatterHits));
      if (--left_ == 0) std::exchange(done_, nullptr)();
    });
  }
}

RootScatter::RootScatter(EventLoop& loop, int leaves, bool count_only)
    : loop_(loop), root_(loop, RemoteLeafConnector(loop, {}), OptionsThatTell(serving_)) {
  Topology topology;
  for (const std::string& address : ScatterAddresses(LeafKind::kCanopy, leaves))
    topology.shards.push_back({address});
  root_.SetTopology(std::move(topology));
  serving_.WaitForNotification();
  request_->set_query_text("+griffith +observatory");
  request_->set_k(kScatterHits);
  request_->set_count_only(count_only);
  request_->set_timeout_us(absl::ToInt64Microseconds(kTimeout));
  calls_ = leaves;
  if (!count_only) calls_ += std::min<double>(leaves, kScatterHits);
}

void RootScatter::RunOne(std::function<void()> done) {
  auto context = std::make_shared<Cancellation>(loop_.clock(), loop_.clock().Now() + kTimeout);
  root_.Search(request_, std::move(context), [this, done = std::move(done)](const auto& response) {
    CHECK(response.ok() && response->coverage().complete());
    const uint64_t hits = request_->count_only() ? 0 : kScatterHits;
    CHECK(static_cast<uint64_t>(response->hits_size()) == hits);
    done();
  });
}

}  // namespace canopy
