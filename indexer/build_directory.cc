#include "indexer/build_directory.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/generation.h"

namespace canopy {
namespace {

constexpr std::string_view kBuildingPrefix = "building-";
constexpr char kRunsName[] = "runs";

// Creates it with its parents, so that they are there after a crash too.
absl::Status CreateDurably(FileSystem& files, const std::string& path) {
  const bool is_new = !files.Exists(path);
  std::string parent = std::filesystem::path(path).parent_path();
  if (parent.empty()) parent = ".";
  if (is_new && parent != path) RETURN_IF_ERROR(CreateDurably(files, parent));
  RETURN_IF_ERROR(files.CreateDirectory(path));
  return is_new ? files.SyncDirectory(parent) : absl::OkStatus();
}

// Builds of different directories may share a directory for runs. The name does not depend on the
// process, so that what a killed build left behind is found by the next one; nor
// on how the path is written. REQUIRES: `output` exists.
std::string SharedRunsPath(const std::string& temp_directory, const std::string& output) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(output, error);
  return absl::StrCat(temp_directory, "/canopy-runs-",
                      absl::Hex(Checksum(error ? output : path), absl::kZeroPad16));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BuildDirectory>> BuildDirectory::Open(
    FileSystem& files, const std::string& output, const std::string& temp_directory) {
  RETURN_IF_ERROR(CreateDurably(files, output));
  ASSIGN_OR_RETURN(DirectoryLock lock, DirectoryLock::Acquire(output));
  std::unique_ptr<BuildDirectory> directory(new BuildDirectory(files, output, std::move(lock)));
  RETURN_IF_ERROR(directory->Prepare(temp_directory));
  return directory;
}

absl::Status BuildDirectory::Prepare(const std::string& temp_directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(output_));
  uint64_t newest = 0;
  for (const std::string& name : names) {
    if (std::string_view(name).starts_with(kBuildingPrefix)) {
      RETURN_IF_ERROR(RemoveRecursively(files_, Concat(output_, "/", name)));
    }
    if (const auto number = ParseGenerationName(name); number.has_value()) {
      newest = std::max(newest, *number);
    }
  }
  absl::StatusOr<std::string> current = ReadCurrentName(files_, output_);
  if (current.ok()) {
    previous_ = *std::move(current);
  } else if (absl::IsDataLoss(current.status())) {
    LogWarning("no old generation will be removed", {{"error", current.status()}});
    keeps_all_ = true;
  } else if (!absl::IsNotFound(current.status())) {
    return current.status();
  }
  generation_ = newest + 1;
  path_ = Concat(output_, "/", kBuildingPrefix, absl::StrFormat("%06d", generation_));
  runs_path_ = temp_directory.empty() ? Concat(path_, "/", kRunsName)
                                      : SharedRunsPath(temp_directory, output_);
  RETURN_IF_ERROR(RemoveRecursively(files_, runs_path_));
  RETURN_IF_ERROR(files_.CreateDirectory(path_));
  return files_.CreateDirectory(runs_path_);
}

BuildDirectory::~BuildDirectory() {
  // Whatever cannot be removed now is removed by the next build.
  RemoveRuns().IgnoreError();
  if (!path_.empty()) RemoveRecursively(files_, path_).IgnoreError();
}

absl::Status BuildDirectory::RemoveRuns() {
  return runs_path_.empty() ? absl::OkStatus() : RemoveRecursively(files_, runs_path_);
}

absl::Status BuildDirectory::WriteManifest(std::string_view manifest) {
  return WriteFileAtomically(files_, Concat(path_, "/", kManifestName), manifest);
}

absl::Status BuildDirectory::Publish() {
  RETURN_IF_ERROR(RemoveRuns());
  const std::string name = GenerationName(generation_);
  const std::string final_path = Concat(output_, "/", name);
  RETURN_IF_ERROR(files_.Rename(path_, final_path));
  path_ = final_path;
  RETURN_IF_ERROR(files_.SyncDirectory(output_));
  RETURN_IF_ERROR(SwitchCurrent(name));
  path_.clear();
  if (!keeps_all_) RemoveOldGenerations(name);
  return absl::OkStatus();
}

absl::Status BuildDirectory::SwitchCurrent(const std::string& name) {
  const std::string path = Concat(output_, "/", kCurrentName);
  const absl::Status written = WriteFileAtomically(files_, path, Concat(name, "\n"));
  if (written.ok()) return written;
  const absl::StatusOr<std::string> current = ReadCurrentName(files_, output_);
  const bool is_old =
      current.ok() ? *current != name : absl::IsNotFound(current.status()) && previous_.empty();
  // When in doubt it stays: removing what CURRENT names would leave no index at all.
  if (!is_old) path_.clear();
  return written;
}

void BuildDirectory::RemoveOldGenerations(const std::string& current) {
  const absl::StatusOr<std::vector<std::string>> names = files_.List(output_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (name == current || name == previous_ || !ParseGenerationName(name).has_value()) continue;
    const absl::Status removed = RemoveRecursively(files_, Concat(output_, "/", name));
    if (!removed.ok()) LogWarning("old generation not removed", {{"error", removed}});
  }
}

}  // namespace canopy
