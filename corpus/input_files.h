// From what a user names to the files that are read: directories are walked, formats recognized.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "corpus/byte_stream.h"
#include "corpus/document_source.h"

namespace canopy {

enum class InputFormat { kJsonLines, kTsv, kTrec, kDeb822, kText, kSynthetic };

struct InputFile {
  std::string path;
  std::string id;  // of a text file's document
  InputFormat format = InputFormat::kText;
  uint64_t size_bytes = 0;  // 0 when has_size is false
  bool has_size = false;    // not for pipes, standard input, synthetic documents
  // Of what can be read only once, when its first bytes were looked at; else null.
  std::unique_ptr<ByteStream> stream;
};

// All files of options.inputs in order, each with its format. NOT_FOUND: an input does not exist.
// INVALID_ARGUMENT: no input, unknown format, auto cannot tell, standard input named twice.
absl::StatusOr<std::vector<InputFile>> FindInputFiles(const SourceOptions& options);

// The format that shows in the first bytes of a file. INVALID_ARGUMENT (naming the file): none
// does.
absl::StatusOr<InputFormat> FormatOfFirstBytes(std::string_view head, std::string_view file,
                                               std::string_view id_field);

}  // namespace canopy
