#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "indexer/commands.h"
#include "nlohmann/json.hpp"
#include "shard/check_shard.h"
#include "shard/format.h"
#include "shard/generation.h"
#include "shard/shard_file.h"

namespace canopy {
namespace {

nlohmann::ordered_json ToJson(const GenerationInfo& generation) {
  nlohmann::ordered_json json;
  json["generation"] = generation.number;
  json["directory"] = generation.directory;
  json["documents"] = generation.docs;
  json["tokens"] = generation.tokens;
  json["analyzer"] = generation.analyzer;
  json["analyzer_version"] = generation.analyzer_version;
  json["fields"] = generation.fields;
  json["shards"] = nlohmann::ordered_json::array();
  for (const GenerationInfo::Shard& shard : generation.shards) {
    json["shards"].push_back({{"file", shard.file},
                              {"bytes", shard.size_bytes},
                              {"documents", shard.docs},
                              {"terms", shard.terms},
                              {"postings", shard.postings}});
  }
  return json;
}

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Print(const std::string& text) { std::fputs((text + "\n").c_str(), stdout); }

// Prints what it finds; after an error only with `json`.
absl::Status RunVerify(const std::string& index, bool json) {
  FileSystem& files = LocalFileSystem();
  std::atomic<uint64_t> bytes{0};
  const CheckOptions options{.threads = std::max(1u, std::thread::hardware_concurrency()),
                             .progress = [&bytes](uint64_t more) {
                               bytes += more;
                               return absl::OkStatus();
                             }};
  const absl::StatusOr<GenerationInfo> generation = ReadCurrentGeneration(files, index);
  const absl::Status checked =
      generation.ok() ? CheckGeneration(files, *generation, options) : generation.status();
  if (json) {
    nlohmann::ordered_json report = {{"ok", checked.ok()}};
    if (generation.ok()) {
      report["generation"] = generation->number;
      report["shards"] = generation->num_shards();
      report["documents"] = generation->docs;
      report["bytes"] = bytes.load();
    }
    if (!checked.ok()) report["error"] = std::string(Message(checked));
    Print(Dump(report));
  } else if (checked.ok()) {
    Print(Concat(generation->directory, ": ", generation->num_shards(), " shards with ",
                 generation->docs, " documents are sound, ", bytes.load(), " bytes checked"));
  }
  return checked;
}

// Bytes of each section over all shards, in the order of the file; then of the term bounds.
absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> SectionBytes(
    FileSystem& files, const GenerationInfo& generation) {
  std::map<SectionId, uint64_t> bytes;
  for (ShardId i = 0; i < generation.num_shards(); ++i) {
    ASSIGN_OR_RETURN(const auto shard, OpenShard(files, generation, i));
    for (const Section* section : shard->sections().Present()) {
      bytes[section->id] += section->size();
    }
  }
  std::vector<std::pair<std::string, uint64_t>> sections;
  for (const auto& [id, size] : bytes) sections.emplace_back(SectionName(id), size);
  if (generation.term_bounds) {
    sections.emplace_back("term_bounds", generation.term_bounds->size_bytes);
  }
  return sections;
}

absl::Status RunInfo(const std::string& index, bool json) {
  FileSystem& files = LocalFileSystem();
  ASSIGN_OR_RETURN(const GenerationInfo generation, ReadCurrentGeneration(files, index));
  ASSIGN_OR_RETURN(const auto sections, SectionBytes(files, generation));
  if (json) {
    nlohmann::ordered_json report = ToJson(generation);
    for (const auto& [name, bytes] : sections) report["sections"][name] = bytes;
    Print(Dump(report));
    return absl::OkStatus();
  }
  Print(Concat(generation.directory, ": generation ", generation.number, ", ", generation.docs,
               " documents, ", generation.tokens, " tokens, analyzer ", generation.analyzer,
               " version ", generation.analyzer_version));
  for (const std::string& field : generation.fields) {
    Print(Concat("  field ", EscapeControls(field)));
  }
  for (const GenerationInfo::Shard& shard : generation.shards) {
    Print(Concat("  ", shard.file, ": ", shard.docs, " documents, ", shard.terms, " terms, ",
                 shard.postings, " postings, ", shard.size_bytes, " bytes"));
  }
  for (const auto& [name, bytes] : sections)
    Print(Concat("  section ", name, ": ", bytes, " bytes"));
  return absl::OkStatus();
}

struct IndexFlags {
  std::string index;
  bool json = false;

  void AddTo(FlagSet& flags) {
    flags.AddBool("json", &json, "print one JSON object");
    flags.AddPositional(&index, {.name = "DIR", .help = "index directory"});
  }
};

}  // namespace

int VerifyCommand(int argc, char** argv) {
  IndexFlags options;
  FlagSet flags(
      "canopy-indexer verify",
      "Checks every byte of an index's current generation, and says what is wrong where.");
  options.AddTo(flags);
  return RunMain(flags, argc, argv, [&] { return RunVerify(options.index, options.json); });
}

int InfoCommand(int argc, char** argv) {
  IndexFlags options;
  FlagSet flags("canopy-indexer info", "Says what an index's current generation holds.");
  options.AddTo(flags);
  return RunMain(flags, argc, argv, [&] { return RunInfo(options.index, options.json); });
}

}  // namespace canopy
