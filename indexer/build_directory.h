// The index directory as a build sees it: locked against other builds, cleaned of what earlier ones
// left behind, with a directory for the generation that is being built, which appears under its
// name only when all of it is there.
//
//   DIR/LOCK                          held while a build works (directory_lock.h)
//   DIR/building-000002/              shard files, spilled runs
//   DIR/gen-000001/, DIR/CURRENT      shard/generation.h
//
// Generation numbers only ever grow, also past one that was never published.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "indexer/directory_lock.h"

namespace canopy {

// Thread safety: none. Lifetime: borrows the file system.
class BuildDirectory final {
 public:
  // Creates `output` if need be, and in it the building directory. Spilled runs go to
  // `temp_directory`, or, when that is empty, beside the shard files. FAILED_PRECONDITION: another
  // build works here.
  static absl::StatusOr<std::unique_ptr<BuildDirectory>> Open(FileSystem& files,
                                                              const std::string& output,
                                                              const std::string& temp_directory);
  // Removes what was not published, as far as the disk lets it.
  ~BuildDirectory();

  uint64_t generation() const { return generation_; }
  const std::string& path() const { return path_; }  // for shard files
  const std::string& runs_path() const { return runs_path_; }

  // Removes spilled runs; they are no longer needed once the shards are finished.
  absl::Status RemoveRuns();
  // Puts the manifest beside the shard files.
  absl::Status WriteManifest(std::string_view manifest);
  // Makes what lies in path() the current generation. The one before it is kept, older ones and
  // left-overs are removed. After an error the old generation is the current one; only when the
  // last step of all, the sync of the directory, fails, it may be the new one, which is complete.
  absl::Status Publish();

 private:
  BuildDirectory(FileSystem& files, std::string output, DirectoryLock lock)
      : files_(files), output_(std::move(output)), lock_(std::move(lock)) {}

  absl::Status Prepare(const std::string& temp_directory);
  absl::Status SwitchCurrent(const std::string& name);
  void RemoveOldGenerations(const std::string& current);

  FileSystem& files_;
  const std::string output_;
  const DirectoryLock lock_;
  uint64_t generation_ = 0;
  std::string previous_;    // the name that CURRENT holds when the build begins; empty: none
  bool keeps_all_ = false;  // CURRENT was damaged: which generation it named is not known
  std::string path_;        // empty once it is published
  std::string runs_path_;
};

}  // namespace canopy
