// `canopy up`: flags, the plan, and then local_cluster.h.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/cluster_plan.h"
#include "cli/commands.h"
#include "cli/local_cluster.h"
#include "rpc/address.h"
#include "shard/generation.h"

namespace canopy {
namespace {

struct UpOptions {
  std::string index;
  int64_t leaves = 0;
  int64_t replicas = 1;
  std::string scatter = "document";
  std::string root = "127.0.0.1:0";
  std::string http;
  std::string grpc;
  bool metrics = false;
  bool json = false;
  bool no_restart = false;
  absl::Duration start_timeout = absl::Minutes(10);
  std::vector<std::string> leaf_flags;
  std::vector<std::string> root_flags;
};

void AddFlags(FlagSet& flags, UpOptions& options) {
  flags.Group("Cluster");
  flags.AddString("index", &options.index,
                  {.value = "DIR", .help = "index directory", .required = true});
  flags.AddInt(
      "leaves", &options.leaves,
      {.help = "leaf processes for each replica, the shards are dealt out over them; 0: one "
               "a shard, but no more than processors (at least two)",
       .min = 0,
       .max = kMaxLocalProcesses});
  flags.AddInt("replicas", &options.replicas,
               {.help = "copies of every shard", .min = 1, .max = kMaxLocalProcesses});
  flags.AddString(
      "scatter", &options.scatter,
      {.value = "document|term",
       .help = "document: each leaf has its shards and answers the whole query, ranked; "
               "term: each replica has the index's only shard and gives the bitmaps of "
               "some terms, the root combines them; matches in document order"});
  flags.Group("Addresses (port 0: any free one)");
  flags.AddString("root", &options.root,
                  {.value = "HOST:PORT", .help = "where the root listens (gRPC)"});
  flags.AddString("http", &options.http,
                  {.value = "HOST:PORT", .help = "where the ambassador listens; not built yet"});
  flags.AddString("grpc", &options.grpc,
                  {.value = "HOST:PORT", .help = "where the ambassador listens; not built yet"});
  flags.AddBool(
      "metrics", &options.metrics,
      "every process serves its metrics over HTTP, at /metrics, on a free port of its own");
  flags.Group("Processes");
  flags.AddBool("no-restart", &options.no_restart, "do not start a process again that died");
  flags.AddDuration("start-timeout", &options.start_timeout,
                    {.help = "until everything is ready", .min = absl::Seconds(1)});
  flags.AddStrings(
      "leaf-flag", &options.leaf_flags,
      {.value = "FLAG",
       .help = "handed to every canopy-leaf, as --leaf-flag=--threads=2; {n} in it becomes the "
               "leaf's number, from 0"});
  flags.AddStrings("root-flag", &options.root_flags,
                   {.value = "FLAG", .help = "handed to canopy-root"});
  flags.Group("Output");
  flags.AddBool("json", &options.json,
                "no line for people at the start; events and logs still go to standard error");
}

uint32_t Processors() { return std::max(1u, std::thread::hardware_concurrency()); }

// `flags` after those that make a child log as this program does, but for those it has itself.
std::vector<std::string> WithLogFlags(const std::vector<std::string>& flags) {
  std::vector<std::string> all = LogFlags();
  std::erase_if(all, [&flags](const std::string& ours) {
    const std::string name = ours.substr(0, ours.find('='));
    return std::any_of(flags.begin(), flags.end(), [&name](const std::string& flag) {
      return flag.substr(0, flag.find('=')) == name;
    });
  });
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}

absl::Status RunUp(const UpOptions& options) {
  // A reader of what it prints that goes away must not end it, nor its children, which inherit
  // this.
  std::signal(SIGPIPE, SIG_IGN);
  for (const auto& [flag, value] : {std::pair{"--http", options.http}, {"--grpc", options.grpc}}) {
    if (!value.empty()) {
      return UsageError(Concat(flag, " ", value,
                               ": the ambassador is not built yet; --root gives "
                               "the root's address"));
    }
  }
  const bool by_term = options.scatter == "term";
  if (!by_term && options.scatter != "document") {
    return UsageError(Concat("--scatter ", options.scatter, ": expected document or term"));
  }
  if (const absl::Status status = CheckAddress(options.root); !status.ok()) {
    return UsageError(Concat("--root: ", Message(status)));
  }
  ASSIGN_OR_RETURN(const GenerationInfo generation,
                   ReadCurrentGeneration(LocalFileSystem(), options.index));
  LocalClusterOptions cluster;
  cluster.index = options.index;
  cluster.generation = generation.number;
  cluster.num_shards = generation.num_shards();
  cluster.root_listen = options.root;
  cluster.leaf_flags = WithLogFlags(options.leaf_flags);
  cluster.root_flags = WithLogFlags(options.root_flags);
  if (by_term) cluster.root_flags.push_back("--scatter=term");
  cluster.metrics = options.metrics;
  cluster.restart = !options.no_restart;
  cluster.start_timeout = options.start_timeout;

  ClusterShape shape;
  shape.shards = cluster.num_shards;
  shape.leaves = options.leaves > 0 ? static_cast<uint32_t>(options.leaves)
                                    : DefaultLeaves(shape.shards, Processors());
  shape.replicas = static_cast<uint32_t>(options.replicas);
  shape.by_term = by_term;
  absl::StatusOr<std::vector<LeafPlan>> leaves = PlanLeaves(shape);
  if (!leaves.ok()) return UsageError(Message(leaves.status()));
  cluster.leaves = *std::move(leaves);
  ASSIGN_OR_RETURN(cluster.binaries, ExecutableDirectory());

  if (!options.json) {
    std::fprintf(
        stderr,
        "starting %u leaf processes (%u shards, %u replicas) and a root; Ctrl-C stops all\n",
        shape.leaves * shape.replicas, shape.shards, shape.replicas);
  }
  return LocalCluster(std::move(cluster), LocalFileSystem(), stdout, stderr).Run();
}

}  // namespace

int UpCommand(int argc, char** argv) {
  UpOptions options;
  FlagSet flags("canopy up",
                "Runs a whole cluster on this machine: leaves and a root, as child processes.");
  AddFlags(flags, options);
  return RunMain(flags, argc, argv, [&] { return RunUp(options); });
}

}  // namespace canopy
