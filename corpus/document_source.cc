#include "corpus/document_source.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "corpus/bad_record.h"
#include "corpus/deb822.h"
#include "corpus/input_files.h"
#include "corpus/json_lines.h"
#include "corpus/synthetic.h"
#include "corpus/text_file.h"
#include "corpus/trec.h"
#include "corpus/tsv.h"

namespace canopy {
namespace {

// The documents of all inputs, file after file.
// Thread safety: one thread.
class FilesSource final : public DocumentSource {
 public:
  FilesSource(SourceOptions options, std::vector<InputFile> files)
      : options_(std::move(options)), files_(std::move(files)) {
    if (std::all_of(files_.begin(), files_.end(), [](const auto& f) { return f.has_size; })) {
      for (const InputFile& file : files_) bytes_total_ += file.size_bytes;
    }
  }

  absl::StatusOr<bool> Next(Document& document) override {
    while (true) {
      if (current_ == nullptr) {
        if (next_file_ == files_.size()) return false;
        RETURN_IF_ERROR(Open(files_[next_file_++]));
        if (current_ == nullptr) continue;
      }
      ASSIGN_OR_RETURN(const bool more, current_->Next(document));
      if (more) return true;
      bytes_before_ += current_->BytesRead();
      current_ = nullptr;
    }
  }

  uint64_t BytesRead() const override {
    return bytes_before_ + (current_ != nullptr ? current_->BytesRead() : 0);
  }
  uint64_t BytesTotal() const override { return bytes_total_; }

 private:
  // Leaves current_ null when the file is a bad record: one of many text files cannot be opened.
  absl::Status Open(InputFile& file) {
    if (file.format == InputFormat::kSynthetic) {
      ASSIGN_OR_RETURN(const SyntheticOptions synthetic, ParseSyntheticSpec(file.path));
      current_ = std::make_unique<SyntheticSource>(synthetic);
      return absl::OkStatus();
    }
    std::unique_ptr<ByteStream> stream = std::move(file.stream);
    if (stream == nullptr) {
      absl::StatusOr<std::unique_ptr<ByteStream>> opened = ByteStream::Open(file.path);
      const bool no_access =
          absl::IsNotFound(opened.status()) || absl::IsPermissionDenied(opened.status());
      if (file.format == InputFormat::kText && no_access) {
        return ReportBadRecord(options_, file.path, 1, std::string(opened.status().message()));
      }
      RETURN_IF_ERROR(opened.status());
      stream = *std::move(opened);
    }
    switch (file.format) {
      case InputFormat::kJsonLines:
        current_ = std::make_unique<JsonLinesSource>(std::move(stream), options_);
        break;
      case InputFormat::kTsv:
        current_ = std::make_unique<TsvSource>(std::move(stream), options_);
        break;
      case InputFormat::kTrec:
        current_ = std::make_unique<TrecSource>(std::move(stream), options_);
        break;
      case InputFormat::kDeb822:
        current_ = std::make_unique<Deb822Source>(std::move(stream), options_);
        break;
      case InputFormat::kText:
        current_ = std::make_unique<TextFileSource>(std::move(stream), file.id, options_);
        break;
      case InputFormat::kSynthetic:
        break;  // above
    }
    return absl::OkStatus();
  }

  const SourceOptions options_;
  std::vector<InputFile> files_;
  size_t next_file_ = 0;
  std::unique_ptr<DocumentSource> current_;
  uint64_t bytes_before_ = 0;
  uint64_t bytes_total_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DocumentSource>> OpenDocumentSource(SourceOptions options) {
  ASSIGN_OR_RETURN(std::vector<InputFile> files, FindInputFiles(options));
  return std::make_unique<FilesSource>(std::move(options), std::move(files));
}

}  // namespace canopy
