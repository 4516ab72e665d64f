#include "corpus/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr size_t kInitialBytes = 256 << 10;  // stays in a processor's second cache

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteStream> stream, uint64_t max_line_bytes)
    : stream_(std::move(stream)),
      max_line_bytes_(max_line_bytes),
      buffer_(std::make_unique<char[]>(kInitialBytes + kPaddingBytes)),
      capacity_(kInitialBytes) {}

// Reads more behind end_. REQUIRES: end_ < capacity_.
absl::Status LineReader::Fill() {
  ASSIGN_OR_RETURN(const size_t count, stream_->Read(buffer_.get() + end_, capacity_ - end_));
  end_ += count;
  ended_ = count == 0;
  if (!started_) {
    while (!ended_ && end_ < 3) {
      ASSIGN_OR_RETURN(const size_t more, stream_->Read(buffer_.get() + end_, capacity_ - end_));
      end_ += more;
      ended_ = more == 0;
    }
    if (std::string_view(buffer_.get(), end_).starts_with("\xef\xbb\xbf")) begin_ = 3;
    started_ = true;
  }
  return absl::OkStatus();
}

// REQUIRES: capacity_ <= max_line_bytes_, as it is when a full buffer holds no line end and is not
// too long.
void LineReader::Grow() {
  const size_t capacity = std::min<uint64_t>(capacity_ * 2, max_line_bytes_ + 1);
  auto buffer = std::make_unique<char[]>(capacity + kPaddingBytes);
  memcpy(buffer.get(), buffer_.get(), end_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

absl::StatusOr<bool> LineReader::Next(Line& line) {
  size_t scanned = 0;  // bytes behind begin_ that hold no line end
  while (true) {
    const char* const from = buffer_.get() + begin_;
    const auto* const newline =
        static_cast<const char*>(memchr(from + scanned, '\n', end_ - begin_ - scanned));
    if (newline != nullptr || (ended_ && begin_ < end_)) {
      const size_t size = newline != nullptr ? newline - from : end_ - begin_;
      const size_t taken = size + (newline != nullptr ? 1 : 0);
      begin_ += taken;
      const bool too_long = size > max_line_bytes_;
      line = Line{too_long ? std::string_view() : std::string_view(from, size), ++lines_, taken,
                  too_long};
      return true;
    }
    if (ended_) return false;
    scanned = end_ - begin_;
    if (scanned > max_line_bytes_) return PassOver(line);
    if (begin_ > 0) {
      memmove(buffer_.get(), from, scanned);
      begin_ = 0;
      end_ = scanned;
    }
    if (end_ == capacity_) Grow();
    RETURN_IF_ERROR(Fill());
  }
}

// Drops what is in the buffer and reads on to the line's end.
absl::StatusOr<bool> LineReader::PassOver(Line& line) {
  uint64_t bytes = 0;
  while (true) {
    const char* const from = buffer_.get() + begin_;
    const auto* const newline = static_cast<const char*>(memchr(from, '\n', end_ - begin_));
    const size_t taken = newline != nullptr ? newline - from + 1 : end_ - begin_;
    bytes += taken;
    begin_ += taken;
    if (newline != nullptr || ended_) break;
    begin_ = end_ = 0;
    RETURN_IF_ERROR(Fill());
  }
  line = Line{{}, ++lines_, bytes, true};
  return true;
}

std::string TooLongReason(uint64_t bytes, uint64_t limit) {
  return Concat("a record of ", bytes, " bytes, more than ", limit, " (--max-document-mb)");
}

}  // namespace canopy
