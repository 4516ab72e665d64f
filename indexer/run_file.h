// A run on disk: sorted terms with their postings, written once, read in order, gone when the build
// ends.
//
// clang-format off
//   file    := frames of kRunFrameBytes (the last one may be shorter)
//   frame   := u32 payload bytes, u32 0, u64 XXH3-64 of the payload, payload
//   payloads, put together, are records:
//   record  := varint term size, term,
//              varint fields, { varint field, varint df },
//              varint postings size, postings
// clang-format on
//
// Terms ascend by bytes; postings are a posting stream (posting_stream.h). Where terms begin is
// kept in memory (marks): one for each frame, enough to read a run from any term on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "indexer/memory_run.h"

namespace canopy {

inline constexpr size_t kRunFrameBytes = 64 << 10;
inline constexpr size_t kRunFrameHeaderBytes = 16;

// What is known of a run that lies on disk.
struct RunFile {
  // The first record that begins in a frame.
  struct Mark {
    std::string term;
    uint64_t frame = 0;
    uint32_t offset = 0;  // in the frame's payload
  };
  std::string path;
  uint64_t size_bytes = 0;
  uint64_t terms = 0;
  std::vector<Mark> marks;

  size_t MemoryBytes() const;
};

// Thread safety: none. Lifetime: borrows the file system.
class RunWriter final {
 public:
  static absl::StatusOr<std::unique_ptr<RunWriter>> Create(FileSystem& files, std::string path);
  ~RunWriter();  // closes the file

  struct Record {
    std::string_view term;
    const FieldDfs* field_dfs = nullptr;
    std::string_view postings;
  };
  // REQUIRES: terms ascend.
  absl::Status Add(const Record& record);
  // Nothing is synced: a run does not outlive its build.
  absl::StatusOr<RunFile> Finish();

 private:
  RunWriter(FileSystem& files, FileSystem::Handle handle, std::string path);
  absl::Status Put(std::string_view bytes);
  absl::Status EndFrame();

  FileSystem& files_;
  FileSystem::Handle handle_;
  bool open_ = true;
  RunFile run_;
  uint64_t frame_ = 0;
  bool frame_is_marked_ = false;
  std::string payload_;
  std::string header_;  // of a record
  std::string output_;  // whole frames
};

// Reads records in order, from any term on.
// Thread safety: none; many readers may read one file. Lifetime: borrows the file system and the
// run.
class RunFileReader final {
 public:
  RunFileReader(FileSystem& files, const RunFile& run) : files_(&files), run_(&run) {}

  // The next record is the first one whose term is not below `term`.
  absl::Status Seek(std::string_view term);
  // Reads the next record; false at the end. DATA_LOSS: the file is not what was written (path and
  // frame are named).
  absl::StatusOr<bool> Next();

  // Of the record read last, until the next call.
  std::string_view term() const { return Part(term_, term_size_); }
  const FieldDfs& field_dfs() const { return field_dfs_; }
  std::string_view postings() const { return Part(postings_, postings_size_); }

 private:
  std::string_view Part(size_t offset, size_t size) const {
    return {buffer_.data() + record_ + offset, size};
  }
  absl::Status ReadFrames();
  // Makes `size` bytes readable from at_ on, as far as the file has them.
  absl::Status Want(size_t size);
  absl::StatusOr<uint64_t> TakeVarint();

  FileSystem* files_;
  const RunFile* run_;
  uint64_t next_frame_ = 0;
  std::string buffer_;  // payloads, from the record read last (at record_) on
  size_t record_ = 0;
  size_t at_ = 0;                    // what was read so far
  bool pending_ = false;             // Seek has read the next record already
  size_t term_ = 0, term_size_ = 0;  // offsets from record_
  size_t postings_ = 0, postings_size_ = 0;
  FieldDfs field_dfs_;
};

}  // namespace canopy
