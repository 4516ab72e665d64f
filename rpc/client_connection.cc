#include "rpc/client_connection.h"

#include "base/status.h"

namespace canopy {

ClientConnection::ClientConnection(EventLoop& loop, std::string address,
                                   const ClientOptions& options, std::string service)
    : loop_(loop),
      address_(std::move(address)),
      service_(std::move(service)),
      max_request_bytes_(options.max_request_bytes),
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

absl::Status ClientConnection::CheckSize(size_t request_bytes) const {
  if (request_bytes <= max_request_bytes_) return absl::OkStatus();
  return Describe(absl::InvalidArgumentError(Concat("the request is ", request_bytes,
                                                    " bytes long, more than the limit of ",
                                                    max_request_bytes_, " (request bytes)")));
}

absl::Status ClientConnection::Describe(const absl::Status& status) const {
  return Annotate(status, address_);
}

absl::Status ClientConnection::Describe(const grpc::Status& status) const {
  // Only the transport says it without a word: nobody offers the method.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty()) {
    return Describe(
        absl::UnimplementedError(Concat("this server does not have the service ", service_)));
  }
  return Describe(FromGrpc(status));
}

}  // namespace canopy
