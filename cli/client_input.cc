#include "cli/client_input.h"

#include <unicode/utf8.h>

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

}  // namespace canopy
