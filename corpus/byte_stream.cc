#include "corpus/byte_stream.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr size_t kRawBytes = 128 << 10;
constexpr int kMaxZstdWindowLog = 27;  // 128 MiB, zstd's own limit without --long

// What a decoder did with the bytes it was given.
struct DecodeStep {
  size_t consumed = 0;
  size_t produced = 0;
};

bool LooksLikeGzip(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x1f' && head[1] == '\x8b';
}

// A frame, or a skippable frame (0x184D2A50 to 0x184D2A5F), little-endian.
bool LooksLikeZstd(std::string_view head) {
  if (head.size() < 4) return false;
  if (head.substr(0, 4) == "\x28\xb5\x2f\xfd") return true;
  return (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18";
}

}  // namespace

// One gzip file: members, then perhaps zero bytes (tapes are padded with them).
class ByteStream::Gzip final {
 public:
  Gzip() { CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK); }
  ~Gzip() { inflateEnd(&stream_); }

  absl::StatusOr<DecodeStep> Step(std::string_view in, char* out, size_t size) {
    if (between_members_ && !in.empty()) {
      if (in[0] == 0) padding_ = true;
      if (padding_) {
        if (in.find_first_not_of('\0') != in.npos) {
          return absl::DataLossError("bytes after the end of the gzip data");
        }
        return DecodeStep{in.size(), 0};
      }
      CHECK(inflateReset(&stream_) == Z_OK);
      between_members_ = false;
    }
    if (between_members_) return DecodeStep{};
    const size_t out_size = std::min<size_t>(size, 1 << 30);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(out_size);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return absl::DataLossError(Concat(
          "damaged gzip data (", stream_.msg != nullptr ? stream_.msg : "no reason given", ")"));
    }
    return DecodeStep{in.size() - stream_.avail_in, out_size - stream_.avail_out};
  }

  bool complete() const { return between_members_; }

 private:
  z_stream stream_{};
  bool between_members_ = false;  // at least one member has ended, none is open
  bool padding_ = false;
};

// One zstd file: frames.
class ByteStream::Zstd final {
 public:
  Zstd() : context_(ZSTD_createDCtx()) {
    CHECK(context_ != nullptr);
    CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxZstdWindowLog)));
  }
  ~Zstd() { ZSTD_freeDCtx(context_); }

  absl::StatusOr<DecodeStep> Step(std::string_view in, char* out, size_t size) {
    if (in.empty() && complete_) return DecodeStep{};
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out, size, 0};
    const size_t result = ZSTD_decompressStream(context_, &to, &from);
    if (ZSTD_isError(result)) {
      if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
        return absl::ResourceExhaustedError("zstd data needs a window of more than 128 MiB");
      }
      return absl::DataLossError(Concat("damaged zstd data (", ZSTD_getErrorName(result), ")"));
    }
    complete_ = result == 0;
    return DecodeStep{from.pos, to.pos};
  }

  bool complete() const { return complete_; }

 private:
  ZSTD_DCtx* const context_;
  bool complete_ = false;  // at the end of a frame, with all of it given out
};

ByteStream::ByteStream(int file, std::string name)
    : file_(file),
      name_(std::move(name)),
      raw_(std::make_unique_for_overwrite<char[]>(kRawBytes)) {}

ByteStream::~ByteStream() {
  if (file_ != STDIN_FILENO) close(file_);
}

absl::StatusOr<std::unique_ptr<ByteStream>> ByteStream::Open(const std::string& path) {
  const bool standard_input = path == "-";
  int file = STDIN_FILENO;
  if (!standard_input) {
    do {
      file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    } while (file < 0 && errno == EINTR);
    if (file < 0) return absl::ErrnoToStatus(errno, path);
    posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint; a pipe refuses it
  }
  std::unique_ptr<ByteStream> stream(
      new ByteStream(file, standard_input ? "standard input" : path));
  RETURN_IF_ERROR(stream->Detect(path));
  return stream;
}

absl::Status ByteStream::Detect(const std::string& path) {
  while (raw_end_ < 4 && !file_ended_) RETURN_IF_ERROR(FillRaw());
  const std::string_view head(raw_.get(), raw_end_);
  if (LooksLikeGzip(head)) {
    decoder_ = std::make_unique<Gzip>();
  } else if (LooksLikeZstd(head)) {
    decoder_ = std::make_unique<Zstd>();
  } else if (path.ends_with(".gz") || path.ends_with(".zst")) {
    return absl::DataLossError(Concat(name_, ": not a ", path.ends_with(".gz") ? "gzip" : "zstd",
                                      " file, as its name says, or cut (", raw_end_,
                                      file_ended_ ? " bytes)" : " bytes looked at)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ByteStream::ReadFile(char* out, size_t size) {
  ssize_t count = 0;
  do {
    count = read(file_, out, size);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return absl::ErrnoToStatus(errno, name_);
  if (count == 0) file_ended_ = true;
  bytes_read_ += static_cast<uint64_t>(count);
  return static_cast<size_t>(count);
}

// Reads more into raw_, behind what is there.
absl::Status ByteStream::FillRaw() {
  if (raw_begin_ == raw_end_) raw_begin_ = raw_end_ = 0;
  ASSIGN_OR_RETURN(const size_t count, ReadFile(raw_.get() + raw_end_, kRawBytes - raw_end_));
  raw_end_ += count;
  return absl::OkStatus();
}

absl::StatusOr<size_t> ByteStream::Decode(char* out, size_t size) {
  while (true) {
    const std::string_view in(raw_.get() + raw_begin_, raw_end_ - raw_begin_);
    const auto step = [&](auto& decoder) { return decoder->Step(in, out, size); };
    auto* const gzip = std::get_if<std::unique_ptr<Gzip>>(&decoder_);
    auto* const zstd = std::get_if<std::unique_ptr<Zstd>>(&decoder_);
    absl::StatusOr<DecodeStep> done = gzip != nullptr ? step(*gzip) : step(*zstd);
    if (!done.ok()) return Annotate(done.status(), Concat(name_, " near byte ", bytes_read()));
    raw_begin_ += done->consumed;
    if (done->produced > 0) return done->produced;
    if (done->consumed > 0) continue;
    CHECK(in.empty());  // a decoder that has input takes some of it, or fails
    if (file_ended_) {
      if (gzip != nullptr ? (*gzip)->complete() : (*zstd)->complete()) return 0;
      return absl::DataLossError(Concat(name_, ": compressed data is cut at byte ", bytes_read()));
    }
    RETURN_IF_ERROR(FillRaw());
  }
}

absl::StatusOr<size_t> ByteStream::Read(char* out, size_t size) {
  DCHECK(size > 0);
  if (peeked_begin_ < peeked_.size()) {
    const size_t count = std::min(size, peeked_.size() - peeked_begin_);
    memcpy(out, peeked_.data() + peeked_begin_, count);
    peeked_begin_ += count;
    if (peeked_begin_ == peeked_.size()) peeked_ = std::string();
    return count;
  }
  if (!std::holds_alternative<std::monostate>(decoder_)) return Decode(out, size);
  if (raw_begin_ < raw_end_) {
    const size_t count = std::min(size, raw_end_ - raw_begin_);
    memcpy(out, raw_.get() + raw_begin_, count);
    raw_begin_ += count;
    return count;
  }
  return ReadFile(out, size);
}

absl::StatusOr<std::string_view> ByteStream::Peek() {
  std::string head(kPeekBytes, '\0');
  size_t filled = 0;
  while (filled < head.size()) {
    ASSIGN_OR_RETURN(const size_t count, Read(head.data() + filled, head.size() - filled));
    if (count == 0) break;
    filled += count;
  }
  head.resize(filled);
  peeked_ = std::move(head);
  peeked_begin_ = 0;
  return peeked_;
}

}  // namespace canopy
