#include "cli/client_input.h"

#include <unicode/utf8.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "rpc/address.h"

namespace canopy {

absl::Status CheckTarget(const std::string& target) {
  const absl::Status status = CheckAddress(target);
  return status.ok() ? status : UsageError(Concat("--target: ", Message(status)));
}

absl::Status CheckUtf8(std::string_view what, std::string_view text) {
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t at = 0; at < size;) {
    const int64_t begin = at;
    UChar32 c;
    U8_NEXT(text.data(), at, size, c);
    if (c >= 0) continue;
    return absl::InvalidArgumentError(Concat(what, " is not valid UTF-8 at byte ", begin + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  const auto failed = [&path] {
    const std::string why = std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(Concat(path, ": ", why))
                           : absl::InternalError(Concat("cannot read ", path, ": ", why));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return failed();
  std::string text;
  char buffer[64 << 10];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, size);
    if (text.size() > kMaxInputBytes) {
      return absl::ResourceExhaustedError(Concat(path, ": more than ", kMaxInputBytes, " bytes"));
    }
  }
  if (std::ferror(file.get()) != 0) return failed();
  return text;
}

absl::StatusOr<std::vector<std::string>> SplitQueries(std::string_view text) {
  std::vector<std::string> queries;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty()) continue;
    RETURN_IF_ERROR(CheckUtf8(Concat("the query in line ", number), ToStd(line)));
    queries.emplace_back(line);
  }
  if (queries.empty()) return absl::InvalidArgumentError("no query in it");
  return queries;
}

absl::StatusOr<std::vector<std::string>> ReadQueries(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadInput(path));
  absl::StatusOr<std::vector<std::string>> queries = SplitQueries(text);
  if (!queries.ok()) return Annotate(queries.status(), path);
  return queries;
}

}  // namespace canopy
