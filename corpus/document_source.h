// Where documents come from: bytes in, documents out. The first stop of a document's flow.
//
// docs/input_formats.md says what becomes of a record, format by format. A string that is not UTF-8
// gets U+FFFD for each invalid sequence; a line of JSON that is not UTF-8 is a bad record.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

// More of these in one record: it is a bad record.
inline constexpr size_t kMaxIdBytes = 4096;
inline constexpr size_t kMaxFieldNameBytes = 255;
inline constexpr size_t kMaxFieldsPerDocument = 1024;

inline constexpr char kDefaultIdField[] = "id";

// Text fields in the order of the input; every one is indexed and stored. A name appears once, and
// is not empty. All strings are UTF-8.
struct Document {
  std::string id;  // external id; empty: the document number will do
  std::vector<std::pair<std::string, std::string>> fields;
  uint64_t input_bytes = 0;   // what this document took of the input (decompressed)
  uint64_t invalid_utf8 = 0;  // byte sequences that were replaced by U+FFFD
};

// A record that could not be read as a document; it is skipped.
struct BadRecord {
  std::string file;
  uint64_t line = 0;  // from 1; for formats without lines the record's number
  std::string reason;
};

struct SourceOptions {
  // Files or directories (all files below, in the order of their paths; names that begin with a dot
  // are left out, and, with format auto, files whose format does not show are bad records), read in
  // this order; "-": standard input; "synthetic:docs=N,seed=S,...": corpus/synthetic.h, with format
  // auto.
  std::vector<std::string> inputs;
  std::string format = "auto";  // auto, jsonl, tsv, trec, deb822, text
  std::string id_field = kDefaultIdField;
  // Called for each bad record. An error returned from here ends the reading with it.
  std::function<absl::Status(const BadRecord&)> on_bad_record;
  uint64_t max_document_bytes = 64 << 20;  // larger: a bad record
};

// Thread safety: one thread.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;

  // Fills `document` (its buffers are reused) and returns true; false at the end. After an error or
  // the end it is not called again. Errors: DATA_LOSS (a compressed file is cut or damaged),
  // NOT_FOUND, what on_bad_record returned, INVALID_ARGUMENT (the header of a TSV file), others of
  // the system with the file's name.
  virtual absl::StatusOr<bool> Next(Document& document) = 0;

  // For progress: bytes of input consumed (as they lie on disk) and in all (0: unknown, as with
  // standard input).
  virtual uint64_t BytesRead() const = 0;
  virtual uint64_t BytesTotal() const { return 0; }
};

// Reads .gz and .zst as they are. "auto" goes by the file name's ending, then by the first bytes.
// NOT_FOUND: an input does not exist. INVALID_ARGUMENT: unknown format, or auto cannot tell (the
// message names the file).
absl::StatusOr<std::unique_ptr<DocumentSource>> OpenDocumentSource(SourceOptions options);

}  // namespace canopy
