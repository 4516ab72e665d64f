#include "tests/root/fake_leaf.h"

#include <algorithm>

#include "base/strings.h"

namespace canopy {
namespace {

class LeafBackend final : public SearchBackend {
 public:
  explicit LeafBackend(std::shared_ptr<FakeLeaf> leaf) : leaf_(std::move(leaf)) {}

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override {
    leaf_->Search(std::move(request), std::move(context), std::move(done));
  }
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation>,
             Done<v1::FetchResponse> done) override {
    leaf_->Fetch(std::move(request), std::move(done));
  }

 private:
  const std::shared_ptr<FakeLeaf> leaf_;
};

}  // namespace

void FakeLeaf::Fail(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  error_ = std::move(error);
}

void FakeLeaf::FailFetches(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  fetch_error_ = std::move(error);
}

void FakeLeaf::FailEverySecondSearch(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  second_error_ = std::move(error);
}

void FakeLeaf::Hold() {
  absl::MutexLock lock(&mutex_);
  holding_ = true;
}

void FakeLeaf::HoldProbes() {
  absl::MutexLock lock(&mutex_);
  holding_probes_ = true;
}

void FakeLeaf::Release() {
  std::vector<HeldCall> held;
  std::vector<SearchBackend::Done<v1::LeafStatus>> held_probes;
  {
    absl::MutexLock lock(&mutex_);
    holding_ = holding_probes_ = false;
    std::swap(held, held_);
    std::swap(held_probes, held_probes_);
  }
  for (const HeldCall& call : held) call.answer();
  for (const auto& probe : held_probes) probe(Status());
}

void FakeLeaf::Serve(std::vector<FakeCollection> collections) {
  absl::MutexLock lock(&mutex_);
  collections_.clear();
  for (FakeCollection& collection : collections) collections_.push_back(collection);
}

int FakeLeaf::searches() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(requests_.size());
}

int FakeLeaf::fetches() const {
  absl::MutexLock lock(&mutex_);
  return fetches_;
}

int FakeLeaf::probes() const {
  absl::MutexLock lock(&mutex_);
  return probes_;
}

size_t FakeLeaf::held() const {
  absl::MutexLock lock(&mutex_);
  return held_.size();
}

size_t FakeLeaf::held_cancelled() const {
  absl::MutexLock lock(&mutex_);
  return std::count_if(held_.begin(), held_.end(),
                       [](const HeldCall& call) { return call.context->cancelled(); });
}

std::vector<v1::SearchRequest> FakeLeaf::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

v1::LeafStatus FakeLeaf::Status() const {
  absl::MutexLock lock(&mutex_);
  v1::LeafStatus status;
  *status.mutable_collection() = collections_.front().info();
  for (size_t i = 1; i < collections_.size(); ++i) *status.add_previous() = collections_[i].info();
  for (ShardId shard : shards_) status.add_shards(shard);
  status.set_ready(true);
  status.set_searches_total(requests_.size());
  return status;
}

const FakeCollection* FakeLeaf::Find(uint64_t generation, uint64_t checksum) const {
  for (const FakeCollection& collection : collections_) {
    const v1::CollectionInfo info = collection.info();
    if (info.generation() == generation && info.checksum() == checksum) return &collection;
  }
  return nullptr;
}

absl::StatusOr<v1::SearchResponse> FakeLeaf::Answer(const v1::SearchRequest& request) const {
  absl::MutexLock lock(&mutex_);
  if (!error_.ok()) return error_;
  if (!second_error_.ok() && requests_.size() % 2 == 1) return second_error_;
  const FakeCollection* collection = Find(request.generation(), request.collection_checksum());
  if (collection == nullptr) {
    return absl::FailedPreconditionError(Concat("generation ", request.generation()));
  }
  return collection->Search({request.shards().begin(), request.shards().end()}, request.k(),
                            request.score_threshold());
}

void FakeLeaf::Search(std::shared_ptr<const v1::SearchRequest> request,
                      std::shared_ptr<Cancellation> context,
                      SearchBackend::Done<v1::SearchResponse> done) {
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(*request);
    if (holding_) {
      held_.push_back(
          {.context = context, .answer = [this, request, done] { done(Answer(*request)); }});
      return;
    }
  }
  done(Answer(*request));
}

void FakeLeaf::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                     SearchBackend::Done<v1::FetchResponse> done) {
  absl::StatusOr<v1::FetchResponse> response;
  {
    absl::MutexLock lock(&mutex_);
    ++fetches_;
    const FakeCollection* collection = Find(request->generation(), request->collection_checksum());
    if (!error_.ok()) {
      response = error_;
    } else if (!fetch_error_.ok()) {
      response = fetch_error_;
    } else if (collection == nullptr) {
      response = absl::FailedPreconditionError(Concat("generation ", request->generation()));
    } else {
      response = collection->Fetch({request->docs().begin(), request->docs().end()});
    }
  }
  done(std::move(response));
}

void FakeLeaf::Probe(SearchBackend::Done<v1::LeafStatus> done) {
  absl::Status error;
  {
    absl::MutexLock lock(&mutex_);
    ++probes_;
    if (holding_probes_) return held_probes_.push_back(std::move(done));
    error = error_;
  }
  if (error.ok()) return done(Status());
  done(error);
}

std::unique_ptr<SearchBackend> BackendOf(std::shared_ptr<FakeLeaf> leaf) {
  return std::make_unique<LeafBackend>(std::move(leaf));
}

LeafConnector ConnectorTo(std::shared_ptr<const FakeLeaves> leaves) {
  return [leaves](const std::string& address) {
    const std::shared_ptr<FakeLeaf> leaf = leaves->at(address);
    auto connection = std::make_shared<LeafConnection>();
    connection->backend = BackendOf(leaf);
    connection->status = [leaf](std::shared_ptr<Cancellation>,
                                SearchBackend::Done<v1::LeafStatus> done) {
      leaf->Probe(std::move(done));
    };
    return connection;
  };
}

}  // namespace canopy
