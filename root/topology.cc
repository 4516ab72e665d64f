#include "root/topology.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/status.h"
#include "base/strings.h"
#include "rpc/address.h"

namespace canopy {
namespace {

// yaml-cpp throws; it is caught here and nowhere else.
class TopologyReader final {
 public:
  explicit TopologyReader(const std::string& file) : file_(file) {}

  absl::StatusOr<Topology> Read(std::string_view text) {
    try {
      return ReadRoot(YAML::Load(std::string(text)));
    } catch (const YAML::Exception& error) {
      return ErrorAt(error.mark, error.msg);
    }
  }

 private:
  absl::StatusOr<Topology> ReadRoot(const YAML::Node& root) {
    if (!root.IsMap()) return ErrorAt(root.Mark(), "expected a map with the key \"shards\"");
    for (const auto& entry : root) {
      const std::string key = entry.first.as<std::string>();
      if (key != "shards") {
        return ErrorAt(entry.first.Mark(),
                       Concat("unknown key \"", key, "\", expected \"shards\""));
      }
    }
    const YAML::Node shards = root["shards"];
    if (!shards || !shards.IsMap() || shards.size() == 0) {
      return ErrorAt(root.Mark(), "expected \"shards\" to be a map from shard number to replicas");
    }
    return ReadShards(shards);
  }

  absl::StatusOr<Topology> ReadShards(const YAML::Node& shards) {
    std::map<uint32_t, std::vector<std::string>> by_number;
    for (const auto& entry : shards) {
      ASSIGN_OR_RETURN(const uint32_t number, ReadNumber(entry.first));
      ASSIGN_OR_RETURN(std::vector<std::string> replicas, ReadReplicas(entry.second, number));
      if (!by_number.emplace(number, std::move(replicas)).second) {
        return ErrorAt(entry.first.Mark(), Concat("shard ", number, " stands twice"));
      }
    }
    Topology topology;
    for (auto& [number, replicas] : by_number) {
      if (number != topology.shards.size()) {
        return ErrorAt(shards.Mark(),
                       Concat("shard ", topology.shards.size(), " is missing before shard ", number,
                              "; shards are numbered from 0 without gaps"));
      }
      topology.shards.push_back(std::move(replicas));
    }
    return topology;
  }

  absl::StatusOr<uint32_t> ReadNumber(const YAML::Node& node) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
        number >= kMaxTopologyShards) {
      return ErrorAt(node.Mark(), Concat("expected a shard number below ", kMaxTopologyShards,
                                         ", found \"", text, "\""));
    }
    return number;
  }

  absl::StatusOr<std::vector<std::string>> ReadReplicas(const YAML::Node& node, uint32_t shard) {
    if (!node.IsSequence() || node.size() == 0) {
      return ErrorAt(node.Mark(), Concat("expected a list of addresses for shard ", shard));
    }
    std::vector<std::string> replicas;
    for (const YAML::Node& replica : node) {
      const std::string address = replica.IsScalar() ? replica.Scalar() : "";
      if (const absl::Status status = CheckAddress(address); !status.ok()) {
        return ErrorAt(replica.Mark(), Concat("shard ", shard, ": ", Message(status)));
      }
      if (std::find(replicas.begin(), replicas.end(), address) != replicas.end()) {
        return ErrorAt(replica.Mark(), Concat("shard ", shard, ": ", address, " stands twice"));
      }
      replicas.push_back(address);
    }
    return replicas;
  }

  absl::Status ErrorAt(const YAML::Mark& mark, std::string_view what) const {
    const std::string line = mark.is_null() ? "" : Concat(":", mark.line + 1);
    return absl::InvalidArgumentError(Concat(file_, line, ": ", what));
  }

  const std::string file_;
};

}  // namespace

std::vector<std::string> Topology::Addresses() const {
  std::vector<std::string> addresses;
  std::set<std::string> known;
  for (const std::vector<std::string>& replicas : shards) {
    for (const std::string& address : replicas) {
      if (known.insert(address).second) addresses.push_back(address);
    }
  }
  return addresses;
}

absl::StatusOr<Topology> ParseTopology(std::string_view text, const std::string& file) {
  return TopologyReader(file).Read(text);
}

absl::StatusOr<Topology> ReadTopology(FileSystem& files, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path));
  return ParseTopology(text, path);
}

}  // namespace canopy
