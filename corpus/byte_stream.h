// Bytes of an input in order, decompressed: a file, a pipe or standard input; gzip (members one
// after the other), zstd (frames one after the other) or neither. Memory does not grow with the
// input. The readers of lines and of whole files stand on this. (Inputs can be pipes, so they are
// read here and not through FileSystem, which reads at offsets.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace canopy {

// Thread safety: one thread.
class ByteStream final {
 public:
  // How much Peek shows.
  static constexpr size_t kPeekBytes = 64 << 10;

  // "-" is standard input. What is compressed shows in the first bytes; a file called .gz or .zst
  // must be what its name says. NOT_FOUND, PERMISSION_DENIED and others of the system; DATA_LOSS:
  // not what the name says.
  static absl::StatusOr<std::unique_ptr<ByteStream>> Open(const std::string& path);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Up to `size` bytes; 0 only at the end. REQUIRES: size > 0. DATA_LOSS: the compressed bytes are
  // damaged or end before their time. RESOURCE_EXHAUSTED: zstd wants a window of more than 128 MiB.
  absl::StatusOr<size_t> Read(char* out, size_t size);

  // The first kPeekBytes bytes (fewer only if the input is shorter); Read gives them again.
  // REQUIRES: before the first Read. The view lives until the next call.
  absl::StatusOr<std::string_view> Peek();

  // For messages: the path, or "standard input".
  const std::string& name() const { return name_; }
  // Bytes taken from the file so far, compressed as they are.
  uint64_t bytes_read() const { return bytes_read_ - (raw_end_ - raw_begin_); }

 private:
  class Gzip;
  class Zstd;

  ByteStream(int file, std::string name);
  absl::Status Detect(const std::string& path);
  absl::StatusOr<size_t> ReadFile(char* out, size_t size);
  absl::Status FillRaw();
  absl::StatusOr<size_t> Decode(char* out, size_t size);

  const int file_;
  const std::string name_;
  uint64_t bytes_read_ = 0;  // by ReadFile
  // Bytes of the file that were read and not yet passed on.
  std::unique_ptr<char[]> raw_;
  size_t raw_begin_ = 0, raw_end_ = 0;
  bool file_ended_ = false;
  std::variant<std::monostate, std::unique_ptr<Gzip>, std::unique_ptr<Zstd>> decoder_;
  std::string peeked_;
  size_t peeked_begin_ = 0;
};

}  // namespace canopy
