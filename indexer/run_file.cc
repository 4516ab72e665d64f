#include "indexer/run_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/byte_io.h"
#include "base/checksum.h"
#include "base/status.h"

namespace canopy {
namespace {

constexpr size_t kPayloadBytes = kRunFrameBytes - kRunFrameHeaderBytes;
constexpr size_t kWriteBytes = 16 * kRunFrameBytes;
constexpr size_t kReadBytes = 4 * kRunFrameBytes;

}  // namespace

size_t RunFile::MemoryBytes() const {
  size_t bytes = sizeof(*this) + marks.capacity() * sizeof(Mark);
  for (const Mark& mark : marks) bytes += mark.term.capacity();
  return bytes;
}

absl::StatusOr<std::unique_ptr<RunWriter>> RunWriter::Create(FileSystem& files, std::string path) {
  ASSIGN_OR_RETURN(const FileSystem::Handle handle, files.OpenForWrite(path, /*truncate=*/true));
  return std::unique_ptr<RunWriter>(new RunWriter(files, handle, std::move(path)));
}

RunWriter::RunWriter(FileSystem& files, FileSystem::Handle handle, std::string path)
    : files_(files), handle_(handle) {
  run_.path = std::move(path);
}

RunWriter::~RunWriter() {
  // Only after an error, which the caller knows already.
  if (open_) files_.Close(handle_).IgnoreError();
}

absl::Status RunWriter::Add(const Record& record) {
  if (!frame_is_marked_) {
    if (payload_.size() == kPayloadBytes) RETURN_IF_ERROR(EndFrame());
    run_.marks.push_back(
        {std::string(record.term), frame_, static_cast<uint32_t>(payload_.size())});
    frame_is_marked_ = true;
  }
  ++run_.terms;
  header_.clear();
  ByteWriter header(header_);
  header.SizedBytes(record.term);
  header.Varint(record.field_dfs->size());
  for (const auto& [field, df] : *record.field_dfs) {
    header.Varint(field);
    header.Varint(df);
  }
  header.Varint(record.postings.size());
  RETURN_IF_ERROR(Put(header_));
  return Put(record.postings);
}

absl::Status RunWriter::Put(std::string_view bytes) {
  while (!bytes.empty()) {
    if (payload_.size() == kPayloadBytes) RETURN_IF_ERROR(EndFrame());
    const size_t part = std::min(bytes.size(), kPayloadBytes - payload_.size());
    payload_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
  }
  return absl::OkStatus();
}

absl::Status RunWriter::EndFrame() {
  ByteWriter frame(output_);
  frame.U32(static_cast<uint32_t>(payload_.size()));
  frame.U32(0);
  frame.U64(Checksum(payload_));
  frame.Bytes(payload_);
  run_.size_bytes += kRunFrameHeaderBytes + payload_.size();
  payload_.clear();
  ++frame_;
  frame_is_marked_ = false;
  if (output_.size() < kWriteBytes) return absl::OkStatus();
  RETURN_IF_ERROR(files_.Append(handle_, output_));
  output_.clear();
  return absl::OkStatus();
}

absl::StatusOr<RunFile> RunWriter::Finish() {
  if (!payload_.empty()) RETURN_IF_ERROR(EndFrame());
  if (!output_.empty()) RETURN_IF_ERROR(files_.Append(handle_, output_));
  open_ = false;
  RETURN_IF_ERROR(files_.Close(handle_));
  return std::move(run_);
}

absl::Status RunFileReader::Seek(std::string_view term) {
  const auto after =
      std::upper_bound(run_->marks.begin(), run_->marks.end(), term,
                       [](std::string_view a, const RunFile::Mark& mark) { return a < mark.term; });
  const bool is_before_all = after == run_->marks.begin();
  next_frame_ = is_before_all ? 0 : (after - 1)->frame;
  pending_ = false;
  buffer_.clear();
  record_ = at_ = 0;
  RETURN_IF_ERROR(Want(1));
  if (!is_before_all) record_ = at_ = (after - 1)->offset;
  do {
    ASSIGN_OR_RETURN(const bool found, Next());
    if (!found) return absl::OkStatus();
  } while (this->term() < term);
  pending_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> RunFileReader::Next() {
  if (std::exchange(pending_, false)) return true;
  record_ = at_;
  RETURN_IF_ERROR(Want(1));
  if (at_ == buffer_.size()) return false;
  ASSIGN_OR_RETURN(term_size_, TakeVarint());
  RETURN_IF_ERROR(Want(term_size_));
  term_ = at_ - record_;
  at_ += term_size_;
  ASSIGN_OR_RETURN(const uint64_t fields, TakeVarint());
  field_dfs_.clear();
  for (uint64_t i = 0; i < fields; ++i) {
    ASSIGN_OR_RETURN(const uint64_t field, TakeVarint());
    ASSIGN_OR_RETURN(const uint64_t df, TakeVarint());
    field_dfs_.emplace_back(static_cast<uint32_t>(field), df);
  }
  ASSIGN_OR_RETURN(postings_size_, TakeVarint());
  RETURN_IF_ERROR(Want(postings_size_));
  postings_ = at_ - record_;
  at_ += postings_size_;
  return true;
}

absl::Status RunFileReader::Want(size_t size) {
  while (buffer_.size() - at_ < size && next_frame_ * kRunFrameBytes < run_->size_bytes) {
    RETURN_IF_ERROR(ReadFrames());
  }
  return absl::OkStatus();
}

absl::Status RunFileReader::ReadFrames() {
  ASSIGN_OR_RETURN(const std::string bytes,
                   files_->ReadAt(run_->path, next_frame_ * kRunFrameBytes, kReadBytes));
  buffer_.erase(0, record_);
  at_ -= record_;
  record_ = 0;
  ByteReader reader(bytes, run_->path);
  do {
    const uint32_t size = reader.U32();
    reader.U32();
    const uint64_t checksum = reader.U64();
    const std::string_view payload = reader.Bytes(size);
    if (!reader.ok() || Checksum(payload) != checksum) {
      return absl::DataLossError(absl::StrCat(run_->path, ": frame ", next_frame_, " at offset ",
                                              next_frame_ * kRunFrameBytes,
                                              " is not what was written"));
    }
    buffer_.append(payload);
    ++next_frame_;
  } while (reader.remaining() > 0);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RunFileReader::TakeVarint() {
  RETURN_IF_ERROR(Want(kMaxVarintBytes));
  ByteReader reader(std::string_view(buffer_).substr(at_), run_->path);
  const uint64_t value = reader.Varint();
  RETURN_IF_ERROR(reader.status());
  at_ += reader.offset();
  return value;
}

}  // namespace canopy
