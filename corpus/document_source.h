// Where documents come from: bytes in, documents out. The first stop of a document's flow.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace canopy {

// Text fields in the order of the input; every one is indexed and stored. A name appears once.
struct Document {
  std::string id;  // external id; empty: the document number will do
  std::vector<std::pair<std::string, std::string>> fields;
  uint64_t input_bytes = 0;  // what this document took of the input (decompressed)
};

// A record that could not be read as a document; it is skipped.
struct BadRecord {
  std::string file;
  uint64_t line = 0;  // from 1; for formats without lines the record's number
  std::string reason;
};

struct SourceOptions {
  std::vector<std::string> inputs;  // files or directories (read in sorted order); "-": standard input
  std::string format = "auto";      // auto, jsonl, tsv, trec, deb822, text
  std::string id_field = "id";
  // Called for each bad record. An error returned from here ends the reading with it.
  std::function<absl::Status(const BadRecord&)> on_bad_record;
  uint64_t max_document_bytes = 64 << 20;  // larger: a bad record
};

// Thread safety: one thread.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;

  // Fills `document` (its buffers are reused) and returns true; false at the end. Errors: DATA_LOSS (a compressed file is
  // cut or damaged), NOT_FOUND, what on_bad_record returned.
  virtual absl::StatusOr<bool> Next(Document& document) = 0;

  // For progress: bytes of input consumed (as they lie on disk) and in all (0: unknown, as with standard input).
  virtual uint64_t BytesRead() const = 0;
  virtual uint64_t BytesTotal() const = 0;
};

// Reads .gz and .zst as they are. "auto" goes by the file name's ending, then by the first bytes.
// NOT_FOUND: an input does not exist. INVALID_ARGUMENT: unknown format, or auto cannot tell (the message names the file).
absl::StatusOr<std::unique_ptr<DocumentSource>> OpenDocumentSource(SourceOptions options);

}  // namespace canopy
