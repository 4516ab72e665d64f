#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "indexer/build_index.h"
#include "indexer/commands.h"
#include "indexer/progress_printer.h"
#include "nlohmann/json.hpp"
#include "text/analyzer.h"

namespace canopy {
namespace {

// As they stand on the command line.
struct BuildFlags {
  BuildOptions options;
  int64_t shards = 1;
  int64_t threads = 0;
  int64_t memory_mb = 1024;
  int64_t max_document_mb = 0;
  int64_t max_errors = 1000;
  int64_t compression_level = 1;
  std::string stored = "all";
  bool json = false;

  void AddTo(FlagSet& flags);
  BuildOptions ToOptions() const;
};

std::vector<std::string> AnalyzerNames() {
  std::vector<std::string> names;
  for (const std::string_view name : Analyzer::Names()) names.emplace_back(name);
  return names;
}

void BuildFlags::AddTo(FlagSet& flags) {
  flags.Group("Input");
  flags.AddStrings(
      "input", &options.inputs,
      {.value = "PATH",
       .help = "file, directory, - for standard input, or synthetic:docs=N,seed=S; may "
               "be given many times; .gz and .zst are read as they are",
       .required = true});
  flags.AddString(
      "format", &options.format,
      {.value = "FORMAT",
       .help = "how documents are written; auto goes by the file's name and first bytes",
       .choices = {"auto", "jsonl", "tsv", "trec", "deb822", "text"}});
  flags.AddString("id-field", &options.id_field,
                  {.value = "NAME", .help = "field that holds a document's external id"});
  flags.AddBool("strict", &options.strict, "end at the first bad record instead of skipping it");
  flags.AddInt(
      "max-document-mb", &max_document_mb,
      {.help = "larger documents are bad records; 0: a sixteenth of --memory-mb, at most 64",
       .unit = "MiB",
       .min = 0,
       .max = 1024});
  flags.AddInt("max-errors", &max_errors,
               {.help = "bad records that are skipped; one more ends the build", .min = 0});

  flags.Group("Index");
  flags.AddString(
      "output", &options.output,
      {.value = "DIR", .help = "index directory; gets a new generation", .required = true});
  flags.AddInt("shards", &shards,
               {.help = "document d goes to shard d % N", .min = 1, .max = kMaxShards});
  flags.AddString("analyzer", &options.analyzer,
                  {.value = "NAME", .help = "how text becomes terms", .choices = AnalyzerNames()});
  flags.AddDouble("k1", &options.k1,
                  {.help = "BM25's weight of repetitions", .min = 0, .max = 1000});
  flags.AddDouble("b", &options.b, {.help = "BM25's weight of length", .min = 0, .max = 1});
  flags.AddString("stored", &stored,
                  {.value = "all|none|NAME,NAME",
                   .help = "fields whose values are kept to be shown; all are searchable"});
  flags.AddInt("compression-level", &compression_level,
               {.help = "zstd level of stored fields", .min = 1, .max = 19});

  flags.Group("Resources");
  flags.AddInt("threads", &threads,
               {.help = "0: one for each processor, but no more than --memory-mb is enough for",
                .min = 0,
                .max = kMaxBuildThreads});
  flags.AddInt("memory-mb", &memory_mb,
               {.help = "memory for the build; what does not fit is spilled to disk",
                .unit = "MiB",
                .min = 1,
                .max = int64_t{1} << 24});
  flags.AddString(
      "temp-dir", &options.temp_directory,
      {.value = "DIR", .help = "where runs are spilled; default: in the index directory"});

  flags.Group("Output");
  flags.AddBool("json", &json, "print the summary as one JSON object");
}

BuildOptions BuildFlags::ToOptions() const {
  BuildOptions result = options;
  result.num_shards = static_cast<uint32_t>(shards);
  result.threads = static_cast<size_t>(threads);
  result.memory_bytes = static_cast<uint64_t>(memory_mb) << 20;
  result.max_document_bytes = static_cast<uint64_t>(max_document_mb) << 20;
  result.max_errors = static_cast<uint64_t>(max_errors);
  result.compression_level = static_cast<int>(compression_level);
  if (stored == "none") {
    result.stored.mode = StoredFields::Mode::kNone;
  } else if (stored != "all") {
    result.stored.mode = StoredFields::Mode::kListed;
    result.stored.names = absl::StrSplit(stored, ',', absl::SkipEmpty());
  }
  return result;
}

uint64_t PeakRssBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

std::string ToJson(const BuildSummary& summary) {
  const double seconds = absl::ToDoubleSeconds(summary.elapsed);
  nlohmann::ordered_json json;
  json["documents"] = summary.documents;
  json["skipped"] = summary.skipped;
  json["terms"] = summary.terms;
  json["tokens"] = summary.tokens;
  json["postings"] = summary.postings;
  json["input_bytes"] = summary.input_bytes;
  json["index_bytes"] = summary.index_bytes;
  json["seconds"] = seconds;
  json["peak_rss_bytes"] = PeakRssBytes();
  json["generation"] = summary.generation;
  json["shards"] = summary.shards;
  json["threads"] = summary.threads;
  json["megabytes_per_second"] = static_cast<double>(summary.input_bytes) / 1e6 / seconds;
  json["spilled_runs"] = summary.spilled_runs;
  json["spilled_bytes"] = summary.spilled_bytes;
  json["terms_cut"] = summary.terms_cut;
  json["invalid_utf8"] = summary.invalid_utf8;
  json["without_id"] = summary.without_id;
  json["stage_seconds"] = {{"read", absl::ToDoubleSeconds(summary.read_time)},
                           {"reduce", absl::ToDoubleSeconds(summary.reduce_time)},
                           {"join", absl::ToDoubleSeconds(summary.join_time)},
                           {"finish", absl::ToDoubleSeconds(summary.finish_time)},
                           {"verify", absl::ToDoubleSeconds(summary.verify_time)}};
  return json.dump();
}

std::string ToText(const BuildSummary& summary) {
  const double seconds = absl::ToDoubleSeconds(summary.elapsed);
  const double input_mb = static_cast<double>(summary.input_bytes) / 1e6;
  std::string text = absl::StrFormat(
      "generation %d: %d documents, %d terms, %d shards\n"
      "%.1f MB read, %.1f MB of index, %.1f s, %.1f MB/s, %.0f MB of memory at most\n",
      summary.generation, summary.documents, summary.terms, summary.shards, input_mb,
      static_cast<double>(summary.index_bytes) / 1e6, seconds, input_mb / seconds,
      static_cast<double>(PeakRssBytes()) / 1e6);
  const auto count = [&text](uint64_t number, const char* what) {
    if (number > 0) absl::StrAppend(&text, number, what);
  };
  count(summary.skipped, " bad records were skipped\n");
  count(summary.terms_cut, " terms were longer than 255 bytes and cut\n");
  count(summary.invalid_utf8, " byte sequences were not UTF-8 and replaced by U+FFFD\n");
  return text;
}

// A name that nothing has is most likely a mistake.
void WarnOfNames(const BuildOptions& options, const BuildSummary& summary) {
  const bool is_given = options.id_field != BuildOptions().id_field;
  if (is_given && summary.without_id == summary.documents) {
    LogWarning("no document has the field of --id-field", {{"field", options.id_field}});
  }
  for (const std::string& name : summary.never_stored) {
    LogWarning("no document has a field that --stored names", {{"field", name}});
  }
}

absl::Status RunBuild(const BuildFlags& flags) {
  BuildOptions options = flags.ToOptions();
  // What the flags' own limits cannot see.
  if (const absl::Status status = CheckBuildOptions(options); !status.ok()) {
    return UsageError(Message(status));
  }
  if (options.inputs.empty()) return UsageError("--input names nothing");
  absl::StatusOr<BuildSummary> summary;
  {
    ProgressPrinter printer;
    options.on_bad_record = [&](const BadRecord& record) { printer.PrintBadRecord(record); };
    summary = BuildIndex(options, [&](const BuildProgress& progress) { printer.Print(progress); });
  }
  if (!summary.ok()) return summary.status();
  WarnOfNames(options, *summary);
  std::fputs((flags.json ? ToJson(*summary) + "\n" : ToText(*summary)).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

int BuildCommand(int argc, char** argv) {
  BuildFlags build;
  FlagSet flags("canopy-indexer build",
                "Builds a new generation of an index. The old one serves until the new one is "
                "complete and verified, and is kept after that.");
  build.AddTo(flags);
  return RunMain(flags, argc, argv, [&] { return RunBuild(build); });
}

}  // namespace canopy
