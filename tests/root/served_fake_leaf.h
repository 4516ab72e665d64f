// A fake leaf behind a real server, on loopback.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/rpc_server.h"
#include "tests/root/fake_leaf.h"

namespace canopy {

// Thread safety: leaf() from any thread, the rest from one.
class ServedFakeLeaf final {
 public:
  explicit ServedFakeLeaf(std::vector<ShardId> shards)
      : leaf_(std::make_shared<FakeLeaf>(std::vector<FakeCollection>{FakeCollection({})},
                                         std::move(shards))),
        backend_(BackendOf(leaf_)) {
    Start("127.0.0.1:0");
  }

  FakeLeaf& leaf() { return *leaf_; }
  const std::string& address() const { return address_; }
  void Stop() { server_.reset(); }
  void Restart() { Start(address_); }

 private:
  void Start(const std::string& listen) {
    server_ = *RpcServer::Create({.listen = listen});
    const auto status = [this](auto, auto done) { leaf_->Probe(std::move(done)); };
    server_->AddLeafService(*backend_, {.status = status, .reload = status});
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
    address_ = server_->address();
  }

  const std::shared_ptr<FakeLeaf> leaf_;
  const std::unique_ptr<SearchBackend> backend_;
  std::string address_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace canopy
