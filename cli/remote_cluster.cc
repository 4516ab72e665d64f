#include "cli/remote_cluster.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "base/status.h"

namespace canopy {
namespace {

// What one call ends with, handed from the event loop's thread to the one that waits.
template <typename Response>
class Answer final {
 public:
  SearchBackend::Done<Response> Receiver() {
    return [this](absl::StatusOr<Response> response) {
      response_ = std::move(response);
      arrived_.Notify();
    };
  }
  absl::StatusOr<Response> Wait() {
    arrived_.WaitForNotification();
    if (response_->ok()) return *std::move(response_);
    const absl::Status& error = response_->status();
    return Annotate(error, absl::StatusCodeToString(error.code()));
  }

 private:
  std::optional<absl::StatusOr<Response>> response_;
  absl::Notification arrived_;
};

std::shared_ptr<Cancellation> ContextFor(absl::Duration timeout) {
  return std::make_shared<Cancellation>(SteadyClock(), SteadyClock().Now() + timeout);
}

}  // namespace

RemoteCluster::RemoteCluster(std::string target) : client_(loop_, std::move(target)) {}

RemoteCluster::~RemoteCluster() = default;

absl::StatusOr<v1::SearchResponse> RemoteCluster::Search(v1::SearchRequest request,
                                                         absl::Duration timeout) {
  request.set_timeout_us(static_cast<uint64_t>(absl::ToInt64Microseconds(timeout)));
  auto response = client_.SearchAndWait(request, SteadyClock().Now() + timeout + kCallMargin);
  if (response.ok()) return response;
  return Annotate(response.status(), absl::StatusCodeToString(response.status().code()));
}

absl::StatusOr<v1::ClusterStatus> RemoteCluster::Status(absl::Duration timeout) {
  Answer<v1::ClusterStatus> answer;
  client_.Status(ContextFor(timeout), answer.Receiver());
  return answer.Wait();
}

}  // namespace canopy
