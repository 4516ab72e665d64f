#include "rpc/client_connection.h"

#include "base/status.h"

namespace canopy {

ClientConnection::ClientConnection(EventLoop& loop, std::string address,
                                   const ClientOptions& options, std::string service)
    : loop_(loop),
      peer_{std::move(address), std::move(service), options.max_request_bytes},
      channel_(grpc::CreateCustomChannel(peer_.address, grpc::InsecureChannelCredentials(),
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

absl::Status ClientConnection::Describe(const grpc::Status& status) const {
  if (status.error_message().empty() && status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return peer_.Describe(absl::UnimplementedError(""));
  }
  return peer_.Describe(FromGrpc(status));
}

}  // namespace canopy
