#include "leaf/leaf_server.h"

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

namespace canopy {

LeafServer::LeafServer(FileSystem& files, LeafServerOptions options)
    : options_(std::move(options)), service_(files, SteadyClock(), options_.service) {}

LeafServer::~LeafServer() {
  service_.EndReloading();  // a load that ends well speaks to the server
  if (server_ != nullptr)
    server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::ZeroDuration()});
}

absl::StatusOr<std::unique_ptr<LeafServer>> LeafServer::Start(FileSystem& files,
                                                              LeafServerOptions options) {
  std::unique_ptr<LeafServer> leaf(new LeafServer(files, std::move(options)));
  RETURN_IF_ERROR(leaf->StartServer());
  return leaf;
}

absl::Status LeafServer::StartServer() {
  ASSIGN_OR_RETURN(server_, RpcServer::Create(options_.server));
  SearchBackend* backend = &service_;
  if (options_.faults.any()) {
    faulty_ = std::make_unique<FaultyBackend>(server_->loop(), service_, options_.faults);
    backend = faulty_.get();
    LogWarning("injecting faults", {{"delay_share", options_.faults.delay_share},
                                    {"delay", options_.faults.delay},
                                    {"error_share", options_.faults.error_share},
                                    {"seed", options_.faults.seed}});
  }
  server_->AddLeafService(
      *backend, {.status = [this](auto, auto done) { done(Status()); },
                 .reload = [this](auto, auto done) { AnswerReload(std::move(done)); },
                 .postings =
                     [this](auto request, auto context, auto done) {
                       service_.Postings(std::move(request), std::move(context), std::move(done));
                     },
                 .drain =
                     [this](bool undo, auto done) {
                       SetDraining(!undo);
                       done(Status());
                     }});
  return server_->Start();
}

void LeafServer::Load(GenerationKeeper::Done done) {
  service_.Reload([this, done = std::move(done)](const absl::Status& status) {
    // A later load that fails leaves what is served, and ready, as it was.
    if (status.ok() && !shuts_down_ && !ready_.exchange(true)) server_->SetReady(!draining_);
    done(status);
  });
}

void LeafServer::AnswerReload(SearchBackend::Done<v1::LeafStatus> done) {
  Load([this, done = std::move(done)](const absl::Status& status) {
    if (!status.ok()) return done(status);
    done(Status());
  });
}

void LeafServer::SetDraining(bool draining) {
  if (shuts_down_) return;
  if (draining_.exchange(draining) != draining) {
    LogInfo(draining ? "draining: roots go elsewhere" : "draining no more");
  }
  server_->SetReady(ready_ && !draining);
}

void LeafServer::Drain() {
  shuts_down_ = true;
  draining_ = true;
  server_->Shutdown(options_.drain);
}

v1::LeafStatus LeafServer::Status() const {
  v1::LeafStatus status = service_.Status();
  status.set_ready(ready_ && !shuts_down_ && !draining_);
  status.set_draining(draining_);
  return status;
}

}  // namespace canopy
