#include "corpus/input_files.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/line_reader.h"
#include "corpus/synthetic.h"
#include "corpus/text_pieces.h"

namespace canopy {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, InputFormat> kFormats[] = {
    {"jsonl", InputFormat::kJsonLines}, {"tsv", InputFormat::kTsv},   {"trec", InputFormat::kTrec},
    {"deb822", InputFormat::kDeb822},   {"text", InputFormat::kText},
};
constexpr std::string_view kFormatNames = "jsonl, tsv, trec, deb822, text";

constexpr std::pair<std::string_view, InputFormat> kEndings[] = {
    {".jsonl", InputFormat::kJsonLines}, {".ndjson", InputFormat::kJsonLines},
    {".tsv", InputFormat::kTsv},         {".trec", InputFormat::kTrec},
    {".deb822", InputFormat::kDeb822},   {".txt", InputFormat::kText},
    {".text", InputFormat::kText},       {".md", InputFormat::kText},
    {".rst", InputFormat::kText},
};

// Nothing: the format is "auto". INVALID_ARGUMENT: unknown.
absl::StatusOr<std::optional<InputFormat>> NamedFormat(std::string_view name) {
  if (name == "auto") return std::nullopt;
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  return absl::InvalidArgumentError(
      Concat("unknown format \"", name, "\" (known: auto, ", kFormatNames, ")"));
}

std::optional<InputFormat> FormatOfName(std::string_view path) {
  for (const std::string_view compression : {".gz", ".zst"}) {
    if (path.ends_with(compression)) path.remove_suffix(compression.size());
  }
  for (const auto& [ending, format] : kEndings) {
    if (absl::EndsWithIgnoreCase(ToAbsl(path), ToAbsl(ending))) return format;
  }
  return std::nullopt;
}

std::string_view FirstLine(std::string_view text) {
  return WithoutCarriageReturn(text.substr(0, text.find('\n')));
}

bool HasColumn(std::string_view header, std::string_view name) {
  TabCells cells(header);
  while (const auto cell = cells.Next()) {
    if (*cell == name) return true;
  }
  return false;
}

// Whether a paragraph of at least two fields begins the text.
bool LooksLikeDeb822(std::string_view text) {
  int fields = 0;
  while (!text.empty()) {
    const std::string_view line = FirstLine(text);
    const size_t end = text.find('\n');
    if (end == text.npos) break;  // perhaps cut
    text.remove_prefix(end + 1);
    if (line.empty()) break;
    if (line[0] == '#') continue;
    if (line[0] == ' ' || line[0] == '\t') {
      if (fields == 0) return false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || line.substr(0, colon).find(' ') != line.npos) {
      return false;
    }
    ++fields;
  }
  return fields >= 2;
}

absl::Status FromErrorCode(const std::error_code& error, const std::string& path) {
  return absl::ErrnoToStatus(error.value(), path);
}

// Adds what lies below `directory`: regular files and links to such, by their path relative to
// `top`. Links to directories are not followed (they could go round), devices, pipes and sockets
// are left out.
absl::Status Walk(const fs::path& top, const fs::path& directory, std::vector<InputFile>& files) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.filename().native().starts_with('.')) continue;
    std::error_code gone;  // a link that leads nowhere is no file
    if (entry->is_directory(gone) && !entry->is_symlink(gone)) {
      RETURN_IF_ERROR(Walk(top, path, files));
    } else if (entry->is_regular_file(gone)) {
      InputFile file;
      file.path = path.native();
      file.id = path.lexically_relative(top).native();
      file.size_bytes = entry->file_size(gone);
      file.has_size = !gone;
      files.push_back(std::move(file));
    }
  }
  return error ? FromErrorCode(error, directory.native()) : absl::OkStatus();
}

// The files of one input, without their formats.
absl::StatusOr<std::vector<InputFile>> FilesOf(const std::string& input) {
  std::vector<InputFile> files;
  std::error_code error;
  const fs::file_status status = fs::status(input, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(Concat(input, ": no such file or directory"));
  }
  if (error) return FromErrorCode(error, input);
  if (fs::is_directory(status)) {
    RETURN_IF_ERROR(Walk(input, input, files));
    std::sort(files.begin(), files.end(),
              [](const InputFile& a, const InputFile& b) { return a.id < b.id; });
    return files;
  }
  InputFile file;
  file.path = file.id = input;
  if (fs::is_regular_file(status)) {
    file.size_bytes = fs::file_size(input, error);
    if (error) return FromErrorCode(error, input);
    file.has_size = true;
  }
  files.push_back(std::move(file));
  return files;
}

// Sets the format of a file that was not named with one. What can be read only once is left open.
absl::Status Recognize(const SourceOptions& options, InputFile& file) {
  if (const std::optional<InputFormat> format = FormatOfName(file.path)) {
    file.format = *format;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream, ByteStream::Open(file.path));
  ASSIGN_OR_RETURN(const std::string_view head, stream->Peek());
  ASSIGN_OR_RETURN(file.format, FormatOfFirstBytes(head, stream->name(), options.id_field));
  if (!file.has_size) file.stream = std::move(stream);
  return absl::OkStatus();
}

absl::StatusOr<InputFile> SyntheticInput(const std::string& input, bool is_auto) {
  if (!is_auto) {
    return absl::InvalidArgumentError(Concat(input, ": synthetic documents want format auto"));
  }
  RETURN_IF_ERROR(ParseSyntheticSpec(input).status());
  InputFile file;
  file.path = input;
  file.format = InputFormat::kSynthetic;
  return file;
}

}  // namespace

absl::StatusOr<InputFormat> FormatOfFirstBytes(std::string_view head, std::string_view file,
                                               std::string_view id_field) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == head.npos) return InputFormat::kJsonLines;  // blank: no document in any format
  if (head[first] == '{') return InputFormat::kJsonLines;
  const auto begins = [&](std::string_view word) {
    return absl::StartsWithIgnoreCase(ToAbsl(head.substr(first)), ToAbsl(word));
  };
  if (begins("<doc>") || begins("<doc ")) return InputFormat::kTrec;
  const std::string_view header = FirstLine(head);
  if (header.find('\t') != header.npos && HasColumn(header, id_field)) return InputFormat::kTsv;
  if (LooksLikeDeb822(head.substr(first))) return InputFormat::kDeb822;
  return absl::InvalidArgumentError(
      Concat(file,
             ": neither the name nor the first bytes tell the format; say which it is with "
             "--format (",
             kFormatNames, ")"));
}

absl::StatusOr<std::vector<InputFile>> FindInputFiles(const SourceOptions& options) {
  if (options.inputs.empty()) return absl::InvalidArgumentError("no input given");
  ASSIGN_OR_RETURN(const std::optional<InputFormat> format, NamedFormat(options.format));
  std::vector<InputFile> all;
  bool standard_input = false;
  for (const std::string& input : options.inputs) {
    if (input.starts_with(kSyntheticPrefix)) {
      ASSIGN_OR_RETURN(InputFile synthetic, SyntheticInput(input, !format));
      all.push_back(std::move(synthetic));
      continue;
    }
    std::vector<InputFile> files;
    if (input == "-") {
      if (std::exchange(standard_input, true)) {
        return absl::InvalidArgumentError("standard input (\"-\") can be read only once");
      }
      files.emplace_back();
      files[0].path = files[0].id = input;
    } else {
      ASSIGN_OR_RETURN(files, FilesOf(input));
    }
    for (InputFile& file : files) {
      if (format) {
        file.format = *format;
      } else if (const absl::Status status = Recognize(options, file); !status.ok()) {
        // One among the many files of a directory is passed over.
        if (!absl::IsInvalidArgument(status) || file.path == input) return status;
        RETURN_IF_ERROR(ReportBadRecord(options, file.path, 1, std::string(Message(status))));
        continue;
      }
      all.push_back(std::move(file));
    }
  }
  return all;
}

}  // namespace canopy
