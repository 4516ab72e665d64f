// Reads a whole DocumentSource: documents, bad records, and the error that ended it.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/check.h"
#include "corpus/document_source.h"

namespace canopy {

struct ReadResult {
  absl::Status status;
  std::vector<Document> documents;
  std::vector<BadRecord> bad;
  uint64_t bytes_read = 0;
  uint64_t bytes_total = 0;
};

inline ReadResult ReadAll(SourceOptions options) {
  ReadResult result;
  options.on_bad_record = [&](const BadRecord& record) {
    result.bad.push_back(record);
    return absl::OkStatus();
  };
  auto source = OpenDocumentSource(std::move(options));
  result.status = source.status();
  if (!source.ok()) return result;
  Document document;
  while (true) {
    const absl::StatusOr<bool> more = (*source)->Next(document);
    result.status = more.status();
    if (!more.ok() || !*more) break;
    result.documents.push_back(document);
  }
  result.bytes_read = (*source)->BytesRead();
  result.bytes_total = (*source)->BytesTotal();
  return result;
}

inline ReadResult ReadAll(const std::string& path, std::string format = "auto") {
  SourceOptions options;
  options.inputs = {path};
  options.format = std::move(format);
  return ReadAll(std::move(options));
}

inline void WriteTo(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  CHECK(file.good());
}

using Fields = std::vector<std::pair<std::string, std::string>>;

}  // namespace canopy
