#include "bench/scatter_leaves.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "base/check.h"
#include "base/version.h"
#include "canopy/v1/service.grpc.pb.h"  // also how messages become bytes
#include "rpc/rpc_server.h"

namespace canopy {
namespace {

constexpr uint64_t kDocs = 1'600'000;
constexpr uint64_t kMatches = 12'345;
constexpr uint64_t kGeneration = 1;
constexpr uint64_t kChecksum = 0xCA90;

// The hits of all shards alternate, so that the best ten come from as many leaves as there are.
v1::SearchResponse AnswerOf(int leaves, int index, const v1::SearchRequest& request) {
  v1::SearchResponse response;
  response.set_generation(kGeneration);
  response.set_collection_checksum(kChecksum);
  v1::ShardAnswer& answer = *response.add_shard_answers();
  answer.set_shard(index);
  answer.set_state(v1::SHARD_STATE_COMPLETE);
  answer.set_docs_total(kDocs / leaves);
  answer.set_docs_covered(kDocs / leaves);
  answer.mutable_total()->set_value(kMatches);
  const uint64_t hits = request.count_only() ? 0 : std::min<uint64_t>(request.k(), kScatterHits);
  for (uint64_t i = 0; i < hits; ++i) {
    v1::ShardHit& hit = *answer.add_hits();
    hit.set_doc((100'000 / leaves + i) * leaves + index);
    hit.set_score(20.5 - static_cast<double>(i) - index / 64.0);
  }
  return response;
}

class TenHits final : public SearchBackend {
 public:
  TenHits(int leaves, int index) : leaves_(leaves), index_(index) {}

  void Search(std::shared_ptr<const v1::SearchRequest> request, std::shared_ptr<Cancellation>,
              Done<v1::SearchResponse> done) override {
    done(AnswerOf(leaves_, index_, *request));
  }

  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation>,
             Done<v1::FetchResponse> done) override {
    v1::FetchResponse response;
    response.set_generation(kGeneration);
    response.set_collection_checksum(kChecksum);
    for (const uint64_t doc : request->docs()) {
      v1::Hit& hit = *response.add_hits();
      hit.set_doc(doc);
      hit.set_id("doc-" + std::to_string(doc));
      v1::Field& field = *hit.add_fields();
      field.set_name("title");
      field.set_value("Griffith Observatory");
    }
    done(std::move(response));
  }

  v1::LeafStatus Status() const {
    v1::LeafStatus status;
    v1::CollectionInfo& collection = *status.mutable_collection();
    collection.set_generation(kGeneration);
    collection.set_checksum(kChecksum);
    collection.set_num_shards(leaves_);
    collection.set_docs_total(kDocs);
    collection.set_analyzer("ascii");
    collection.set_analyzer_version(1);
    collection.add_fields("title");
    status.add_shards(index_);
    status.set_ready(true);
    status.set_version(std::string(kVersion));
    return status;
  }

 private:
  const int leaves_;
  const int index_;
};

void Tell(int pipe, const std::string& address) {
  const std::string line = address + "\n";
  CHECK(write(pipe, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

void Serve(int leaves, int index, int pipe) {
  TenHits backend(leaves, index);
  const auto status = [&](auto, auto done) { done(backend.Status()); };
  const auto server = RpcServer::Create({}).value();
  server->AddLeafService(backend, {.status = status, .reload = status});
  CHECK(server->Start().ok());
  Tell(pipe, server->address());
  while (true) pause();
}

bool Next(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

// Answers on one stream until its client goes.
void ServeStream(int leaves, int index, grpc::AsyncGenericService& service,
                 grpc::ServerCompletionQueue& queue) {
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter stream(&context);
  service.RequestCall(&context, &stream, &queue, &queue, nullptr);
  CHECK(Next(queue));
  grpc::ByteBuffer bytes;
  while (true) {
    stream.Read(&bytes, nullptr);
    if (!Next(queue)) return;
    v1::SearchRequest request;
    CHECK(grpc::SerializationTraits<v1::SearchRequest>::Deserialize(&bytes, &request).ok());
    grpc::ByteBuffer reply;
    bool own = false;
    const v1::SearchResponse response = AnswerOf(leaves, index, request);
    CHECK(grpc::SerializationTraits<v1::SearchResponse>::Serialize(response, &reply, &own).ok());
    stream.Write(reply, nullptr);
    if (!Next(queue)) return;
  }
}

void ServeStreams(int leaves, int index, int pipe) {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  const auto queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  CHECK(server != nullptr);
  Tell(pipe, "127.0.0.1:" + std::to_string(port));
  while (true) ServeStream(leaves, index, service, *queue);
}

struct Leaf {
  LeafKind kind;
  int leaves;  // of its cluster
  std::string address;
};

// In a child process, which serves until this one goes, and tells its address through a pipe.
Leaf StartLeaf(LeafKind kind, int leaves, int index) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    kind == LeafKind::kCanopy ? Serve(leaves, index, ends[1])
                              : ServeStreams(leaves, index, ends[1]);
  }
  close(ends[1]);
  Leaf leaf{kind, leaves, {}};
  char c = 0;
  while (read(ends[0], &c, 1) == 1 && c != '\n') leaf.address += c;
  close(ends[0]);
  CHECK(!leaf.address.empty());
  return leaf;
}

std::vector<Leaf>& Leaves() {
  static std::vector<Leaf> leaves;
  return leaves;
}

}  // namespace

void StartScatterLeaves() {
  for (const LeafKind kind : {LeafKind::kCanopy, LeafKind::kStream}) {
    for (const int leaves : {1, 4, 16}) {
      for (int i = 0; i < leaves; ++i) Leaves().push_back(StartLeaf(kind, leaves, i));
    }
  }
}

std::vector<std::string> ScatterAddresses(LeafKind kind, int leaves) {
  std::vector<std::string> addresses;
  for (const Leaf& leaf : Leaves()) {
    if (leaf.kind == kind && leaf.leaves == leaves) addresses.push_back(leaf.address);
  }
  CHECK(!addresses.empty());
  return addresses;
}

std::shared_ptr<const v1::SearchRequest> ScatterRequest(int shard) {
  auto request = std::make_shared<v1::SearchRequest>();
  request->set_k(kScatterHits);
  request->add_shards(shard);
  request->set_generation(kGeneration);
  request->set_collection_checksum(kChecksum);
  auto& boolean = *request->mutable_query()->mutable_boolean();
  boolean.add_must()->mutable_term()->set_text("griffith");
  boolean.add_must()->mutable_term()->set_text("observatory");
  return request;
}

}  // namespace canopy
