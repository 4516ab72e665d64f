#include "rpc/client_connection.h"

#include "base/status.h"

namespace canopy {

ClientConnection::ClientConnection(EventLoop& loop, std::string address,
                                   const ClientOptions& options)
    : loop_(loop),
      address_(std::move(address)),
      channel_(grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(),
                                         ToChannelArguments(options))) {}

void ClientConnection::Close() {
  // Under the lock, so that no context is destroyed meanwhile; TryCancel runs no callback of ours.
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (grpc::ClientContext* const call : in_flight_) call->TryCancel();
}

bool ClientConnection::Begin(grpc::ClientContext* call) {
  absl::MutexLock lock(&mutex_);
  return !closed_ && in_flight_.insert(call).second;
}

void ClientConnection::End(grpc::ClientContext* call) {
  absl::MutexLock lock(&mutex_);
  in_flight_.erase(call);
}

absl::Status ClientConnection::Describe(const absl::Status& status) const {
  return Annotate(status, address_);
}

}  // namespace canopy
