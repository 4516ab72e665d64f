// Consecutive documents, packed: what a worker takes from the source at a time. Where batches end
// depends on the input alone, so that what is made of them does not depend on the number of
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "corpus/document_source.h"

namespace canopy {

// Thread safety: none.
class DocumentBatch final {
 public:
  struct Field {
    uint16_t number = 0;
    bool is_stored = false;
    std::string_view value;
  };
  struct Doc {
    std::string_view id;
    size_t first_field = 0;
    size_t num_fields = 0;
  };

  void Clear();
  // Begins a document.
  void Add(std::string_view id, uint64_t input_bytes);
  // Of the document begun last.
  void AddField(const Field& field);

  uint64_t number() const { return number_; }  // of the batch, from 0
  uint64_t first_doc() const { return first_doc_; }
  size_t size() const { return docs_.size(); }
  Doc doc(size_t index) const;
  Field field(size_t index) const;
  uint64_t input_bytes() const { return input_bytes_; }
  size_t text_bytes() const { return text_.size(); }
  size_t MemoryBytes() const;

 private:
  friend class BatchReader;
  struct Text {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  struct PackedDoc {
    Text id;
    uint32_t first_field = 0;
    uint32_t num_fields = 0;
  };
  struct PackedField {
    uint16_t number = 0;
    bool is_stored = false;
    Text value;
  };
  Text Append(std::string_view text);
  std::string_view View(Text text) const { return {text_.data() + text.offset, text.size}; }

  uint64_t number_ = 0;
  uint64_t first_doc_ = 0;
  uint64_t input_bytes_ = 0;
  std::string text_;
  std::vector<PackedDoc> docs_;
  std::vector<PackedField> fields_;
};

struct BatchLimits {
  size_t text_bytes = 4 << 20;  // a batch ends with the document that reaches it
  size_t docs = 8192;
};

inline constexpr size_t kMaxFieldNames = 65535;

// Numbers documents and fields (in the order in which they come) and hands out batches to many
// workers. The workers take turns at reading: a thread of its own would only compete with them.
// Thread safety: all members from any thread. Lifetime: borrows the source.
class BatchReader final {
 public:
  // `is_stored` is asked once for each name of a field.
  BatchReader(DocumentSource& source, BatchLimits limits,
              std::function<bool(std::string_view name)> is_stored)
      : source_(source), limits_(limits), is_stored_(std::move(is_stored)) {}

  // Fills `batch` with the next documents; false when there are none. After an error every call
  // returns that error. Errors: the source's; RESOURCE_EXHAUSTED: more than kMaxDocs documents or
  // kMaxFieldNames names of fields.
  absl::StatusOr<bool> Read(DocumentBatch& batch);

  // Names by number, as far as batches were read.
  std::vector<std::string> FieldNames() const;

  struct Progress {
    uint64_t docs = 0;
    uint64_t bytes_read = 0;   // as they lie on disk
    uint64_t bytes_total = 0;  // 0: unknown
    uint64_t input_bytes = 0;  // decompressed
    uint64_t invalid_utf8 = 0;
    uint64_t without_id = 0;        // documents
    uint64_t largest_document = 0;  // input bytes
  };
  Progress progress() const;

 private:
  absl::Status Fill(DocumentBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddDocument(DocumentBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  struct FieldName {
    uint16_t number = 0;
    bool is_stored = false;
  };
  absl::StatusOr<FieldName> FindField(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  DocumentSource& source_ ABSL_GUARDED_BY(mutex_);
  const BatchLimits limits_;
  const std::function<bool(std::string_view name)> is_stored_;
  bool at_end_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_batch_ ABSL_GUARDED_BY(mutex_) = 0;
  Document document_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, FieldName> fields_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> field_names_ ABSL_GUARDED_BY(mutex_);
  Progress progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy
