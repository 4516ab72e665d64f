#include "shard/section_output.h"

#include <algorithm>

#include "base/strings.h"

namespace canopy {

absl::Status AppendedFile::Append(std::string_view bytes) {
  if (bytes.empty() && created_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const FileSystem::Handle handle,
                   files_.OpenForWrite(path_, /*truncate=*/!created_));
  created_ = true;
  const absl::Status appended = files_.Append(handle, bytes);
  const absl::Status closed = files_.Close(handle);
  RETURN_IF_ERROR(appended);
  RETURN_IF_ERROR(closed);
  size_ += bytes.size();
  return absl::OkStatus();
}

absl::Status AppendedFile::Sync() {
  ASSIGN_OR_RETURN(const FileSystem::Handle handle, files_.OpenForWrite(path_, /*truncate=*/false));
  const absl::Status synced = files_.Sync(handle);
  const absl::Status closed = files_.Close(handle);
  RETURN_IF_ERROR(synced);
  return closed;
}

void AppendedFile::Remove() {
  if (created_) files_.Remove(path_).IgnoreError();
  created_ = false;
  size_ = 0;
}

absl::Status SectionOutput::Append(std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(file_.Append(bytes));
  size_ += bytes.size();
  checksum_.Update(bytes);
  return absl::OkStatus();
}

absl::Status SectionOutput::Flush(std::string& bytes) {
  RETURN_IF_ERROR(Append(bytes));
  std::string().swap(bytes);  // gives the memory back: a thousand writers may be idle
  return absl::OkStatus();
}

absl::StatusOr<std::string> Spool::Piece(uint64_t offset) const {
  const size_t wanted = std::min<uint64_t>(size() - offset, kSpoolPieceBytes);
  ASSIGN_OR_RETURN(std::string piece, files_.ReadAt(file_.path(), offset, wanted));
  if (piece.size() != wanted) {
    return absl::DataLossError(Concat(file_.path(), ": ", piece.size(), " bytes at offset ", offset,
                                      ", expected ", wanted));
  }
  return piece;
}

}  // namespace canopy
