// A SearchBackend whose answers a test writes as functions, and helpers to wait for what comes
// back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "rpc/search_backend.h"

namespace canopy {

class FunctionBackend final : public SearchBackend {
 public:
  using OnSearch = std::function<void(std::shared_ptr<const v1::SearchRequest>,
                                      std::shared_ptr<Cancellation>, Done<v1::SearchResponse>)>;
  using OnFetch = std::function<void(std::shared_ptr<const v1::FetchRequest>,
                                     std::shared_ptr<Cancellation>, Done<v1::FetchResponse>)>;

  // Set before the server starts.
  OnSearch on_search = [](auto, auto, auto done) { done(v1::SearchResponse()); };
  OnFetch on_fetch = [](auto, auto, auto done) { done(v1::FetchResponse()); };

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override {
    on_search(std::move(request), std::move(context), std::move(done));
  }
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override {
    on_fetch(std::move(request), std::move(context), std::move(done));
  }
};

// What an asynchronous call ended with.
template <typename Response>
class Outcome final {
 public:
  SearchBackend::Done<Response> done() {
    return [state = state_](absl::StatusOr<Response> response) {
      state->result = std::move(response);
      state->arrived.Notify();
    };
  }
  bool arrived() const { return state_->arrived.HasBeenNotified(); }
  const absl::StatusOr<Response>& Wait() const {
    state_->arrived.WaitForNotification();
    return *state_->result;
  }

 private:
  struct State {
    absl::Notification arrived;
    std::optional<absl::StatusOr<Response>> result;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

inline std::shared_ptr<Cancellation> WithTimeout(absl::Duration timeout) {
  return std::make_shared<Cancellation>(SteadyClock(), SteadyClock().Now() + timeout);
}

// Long enough for anything that should happen at all.
inline constexpr absl::Duration kLong = absl::Seconds(60);

inline std::shared_ptr<v1::SearchRequest> TextRequest(std::string text) {
  auto request = std::make_shared<v1::SearchRequest>();
  request->set_query_text(std::move(text));
  return request;
}

}  // namespace canopy
