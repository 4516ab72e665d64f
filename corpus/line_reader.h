// Lines of a stream, as views into one buffer. A line that is too long is passed over without being
// held in memory. All formats but plain text are read through this.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "corpus/byte_stream.h"

namespace canopy {

struct Line {
  // Without the line's end ("\n"; a "\r" before it stays). Empty when too_long. So many bytes after
  // it can be read (their content means nothing): LineReader::kPaddingBytes. Lives until the next
  // call.
  std::string_view text;
  uint64_t number = 0;  // from 1
  uint64_t bytes = 0;   // with its end
  bool too_long = false;
};

// Thread safety: one thread.
class LineReader final {
 public:
  static constexpr size_t kPaddingBytes = 64;

  LineReader(std::unique_ptr<ByteStream> stream, uint64_t max_line_bytes);

  // The next line; false at the end. A byte order mark (UTF-8) at the beginning of the stream is
  // left out. Errors: the stream's.
  absl::StatusOr<bool> Next(Line& line);

  const ByteStream& stream() const { return *stream_; }

 private:
  absl::Status Fill();
  absl::StatusOr<bool> PassOver(Line& line);
  void Grow();

  std::unique_ptr<ByteStream> stream_;
  const uint64_t max_line_bytes_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_;             // without the padding
  size_t begin_ = 0, end_ = 0;  // what is in the buffer and was not given out
  uint64_t lines_ = 0;
  bool ended_ = false;
  bool started_ = false;
};

// `text` without a "\r" at its end.
inline std::string_view WithoutCarriageReturn(std::string_view text) {
  return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

// What is wrong with a record of `bytes` bytes that is longer than `limit`, for BadRecord::reason.
std::string TooLongReason(uint64_t bytes, uint64_t limit);

}  // namespace canopy
