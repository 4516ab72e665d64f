// Sections of a shard that is being written: bytes go to a temporary file (a spool) or straight
// into the shard's file, and their length and checksum are kept up on the way. No file is held open
// between calls, because one indexer writes up to a thousand shards at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/checksum.h"
#include "base/file_system.h"
#include "base/status.h"

namespace canopy {

// A file that is appended to. Thread safety: one thread. Lifetime: borrows the file system.
class AppendedFile final {
 public:
  AppendedFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  // The first call replaces a file of that name that may be there.
  absl::Status Append(std::string_view bytes);
  absl::Status Sync();
  // Best effort: there is nothing that a caller could do about it.
  void Remove();
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

 private:
  FileSystem& files_;
  const std::string path_;
  bool created_ = false;
  uint64_t size_ = 0;
};

// A section's bytes at the end of an AppendedFile. Thread safety: one thread.
class SectionOutput final {
 public:
  // `file` must outlive this object; while the section is written nothing else may be.
  explicit SectionOutput(AppendedFile& file) : file_(file) {}

  absl::Status Append(std::string_view bytes);
  // Appends and empties `bytes`.
  absl::Status Flush(std::string& bytes);
  uint64_t size() const { return size_; }
  uint64_t checksum() const { return checksum_.Digest(); }

 private:
  AppendedFile& file_;
  uint64_t size_ = 0;
  ChecksumStream checksum_;
};

// A section in a temporary file of its own, removed at destruction. Thread safety: one thread.
class Spool final {
 public:
  Spool(FileSystem& files, std::string path)
      : files_(files), file_(files, std::move(path)), section_(file_) {}
  ~Spool() { file_.Remove(); }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  absl::Status Append(std::string_view bytes) { return section_.Append(bytes); }
  absl::Status Flush(std::string& bytes) { return section_.Flush(bytes); }
  uint64_t size() const { return section_.size(); }

  // Calls `take` (absl::Status(std::string_view)) with all bytes, a piece of at most
  // kSpoolPieceBytes at a time.
  template <typename Take>
  absl::Status ForEachPiece(Take take) const;

 private:
  // The bytes at `offset`, as many as are left but at most kSpoolPieceBytes. DATA_LOSS: the file is
  // shorter than what was written.
  absl::StatusOr<std::string> Piece(uint64_t offset) const;

  FileSystem& files_;
  AppendedFile file_;
  SectionOutput section_;
};

inline constexpr size_t kSpoolPieceBytes = 4 << 20;

template <typename Take>
absl::Status Spool::ForEachPiece(Take take) const {
  for (uint64_t offset = 0; offset < size();) {
    ASSIGN_OR_RETURN(const std::string piece, Piece(offset));
    RETURN_IF_ERROR(take(std::string_view(piece)));
    offset += piece.size();
  }
  return absl::OkStatus();
}

}  // namespace canopy
