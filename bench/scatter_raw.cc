#include "bench/scatter_raw.h"

#include "absl/base/thread_annotations.h"
#include "base/check.h"

namespace canopy {
namespace {

constexpr int kTimeoutSeconds = 10;

gpr_timespec Deadline() {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_seconds(kTimeoutSeconds, GPR_TIMESPAN));
}

void CheckResponse(const v1::SearchResponse& response) {
  CHECK(response.shard_answers(0).hits_size() == static_cast<int>(kScatterHits));
}

void Drain(grpc::CompletionQueue& queue) {
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace

RawScatter::RawScatter(LeafKind kind, int leaves) {
  // As rpc/grpc_convert.cc.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  for (const std::string& address : ScatterAddresses(kind, leaves)) {
    requests_.push_back(ScatterRequest(static_cast<int>(stubs_.size())));
    channels_.push_back(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    stubs_.push_back(v1::LeafService::NewStub(channels_.back()));
  }
}

void CallbackScatter::RunOne() {
  struct Call {
    grpc::ClientContext context;
    v1::SearchResponse response;
  };
  std::vector<Call> calls(stubs_.size());
  {
    absl::MutexLock lock(&mutex_);
    left_ = calls.size();
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    calls[i].context.set_deadline(Deadline());
    stubs_[i]->async()->Search(&calls[i].context, requests_[i].get(), &calls[i].response,
                               [this, call = &calls[i]](const grpc::Status& status) {
                                 CHECK(status.ok());
                                 CheckResponse(call->response);
                                 absl::MutexLock lock(&mutex_);
                                 --left_;
                               });
  }
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](size_t* left) { return *left == 0; }, &left_));
}

QueueScatter::~QueueScatter() { Drain(queue_); }

void QueueScatter::RunOne() {
  struct Call {
    grpc::ClientContext context;
    v1::SearchResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::SearchResponse>> reader;
  };
  const gpr_timespec deadline = Deadline();
  for (size_t i = 0; i < stubs_.size(); ++i) {
    auto* const call = new Call;
    call->context.set_deadline(deadline);
    call->reader = stubs_[i]->PrepareAsyncSearch(&call->context, *requests_[i], &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  }
  for (size_t i = 0; i < stubs_.size(); ++i) {
    void* tag = nullptr;
    bool ok = false;
    CHECK(queue_.Next(&tag, &ok));
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    CHECK(call->status.ok());
    CheckResponse(call->response);
  }
}

struct StreamScatter::Stream {
  struct Tag {
    Stream* stream;
    bool is_reply;
  };
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::SearchRequest, v1::SearchResponse>> calls;
  v1::SearchResponse response;
  Tag read{this, true};
  Tag written{this, false};
};

StreamScatter::StreamScatter(int leaves) : RawScatter(LeafKind::kStream, leaves) {
  for (const auto& channel : channels_) {
    Stream& stream = *streams_.emplace_back(std::make_unique<Stream>());
    grpc::TemplatedGenericStub<v1::SearchRequest, v1::SearchResponse> stub(channel);
    stream.calls = stub.PrepareCall(&stream.context, kStreamMethod, &queue_);
    stream.calls->StartCall(&stream.written);
    bool is_reply = false;
    Next(is_reply);
    stream.calls->Read(&stream.response, &stream.read);
  }
}

StreamScatter::~StreamScatter() {
  for (const auto& stream : streams_) stream->context.TryCancel();
  Drain(queue_);
}

StreamScatter::Stream& StreamScatter::Next(bool& is_reply) {
  void* tag = nullptr;
  bool ok = false;
  CHECK(queue_.Next(&tag, &ok) && ok);
  is_reply = static_cast<Stream::Tag*>(tag)->is_reply;
  return *static_cast<Stream::Tag*>(tag)->stream;
}

void StreamScatter::RunOne() {
  for (size_t i = 0; i < streams_.size(); ++i) {
    streams_[i]->calls->Write(*requests_[i], &streams_[i]->written);
  }
  // Of each stream that the request has gone out, and that the reply has come.
  for (size_t i = 0; i < 2 * streams_.size(); ++i) {
    bool is_reply = false;
    Stream& stream = Next(is_reply);
    if (!is_reply) continue;
    CheckResponse(stream.response);
    stream.calls->Read(&stream.response, &stream.read);
  }
}

}  // namespace canopy
