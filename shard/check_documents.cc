#include "shard/check_documents.h"

#include <array>
#include <bit>
#include <vector>

#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/length_code.h"

namespace canopy {
namespace {

constexpr uint32_t kDocsBetweenCalls = 1 << 14;

class DocumentChecker final {
 public:
  DocumentChecker(const ShardFile& shard, const CheckProgress& progress)
      : shard_(shard), progress_(progress), fields_(shard.stats().fields.size()) {}

  absl::Status Run() {
    for (LocalDoc doc = 0; doc < shard_.docs(); ++doc) {
      if (doc % kDocsBetweenCalls == 0 && progress_) RETURN_IF_ERROR(progress_(0));
      ++histogram_[shard_.length_codes()[doc]];
      RETURN_IF_ERROR(CheckSpans(doc));
    }
    RETURN_IF_ERROR(CheckStatistics());
    RETURN_IF_ERROR(CheckStoredFields());
    RETURN_IF_ERROR(CheckIds());
    return CheckLiveDocs();
  }

 private:
  struct FieldCounts {
    uint64_t docs = 0, tokens = 0;
  };

  const Section& section(SectionId id) const { return shard_.sections().Get(id); }

  absl::Status CheckSpans(LocalDoc doc) {
    if (!shard_.has_field_spans()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto spans, shard_.field_spans().Get(doc));
    uint32_t length = 0;
    for (const auto& [field, tokens] : spans) {
      length += tokens;
      fields_[field].docs += tokens > 0 ? 1 : 0;
      fields_[field].tokens += tokens;
    }
    const uint8_t code = shard_.length_codes()[doc];
    if (EncodeLength(length) == code) return absl::OkStatus();
    return section(SectionId::kLengths)
        .Damage(doc,
                Concat("code ", int{code}, ", the document's fields have ", length, " tokens"));
  }

  // What this shard has must be part of the collection, or all of it when there is no other shard.
  absl::Status CheckStatistics() const {
    const CollectionStats& stats = shard_.stats();
    const ShardStatistics& own = shard_.shard_statistics();
    const Section& statistics = section(SectionId::kStatistics);
    const auto fits = [&](uint64_t part, uint64_t whole) {
      return stats.num_shards == 1 && stats.docs == own.docs ? part == whole : part <= whole;
    };
    if (own.average_length != stats.AverageLength()) {
      return statistics.Damage(
          0, Concat("average length ", own.average_length, ", expected ", stats.AverageLength()));
    }
    if (!fits(own.tokens, stats.tokens)) {
      return statistics.Damage(0, Concat(own.tokens, " tokens of ", stats.tokens));
    }
    for (size_t code = 0; code < histogram_.size(); ++code) {
      if (fits(histogram_[code], stats.length_histogram[code])) continue;
      return statistics.Damage(0, Concat(histogram_[code], " documents have length code ", code,
                                         ", the collection ", stats.length_histogram[code]));
    }
    if (!shard_.has_field_spans()) return absl::OkStatus();
    for (size_t field = 0; field < fields_.size(); ++field) {
      if (fits(fields_[field].docs, stats.fields[field].docs) &&
          fits(fields_[field].tokens, stats.fields[field].tokens)) {
        continue;
      }
      return statistics.Damage(
          0, Concat("field \"", stats.fields[field].name, "\" has ", fields_[field].docs,
                    " documents and ", fields_[field].tokens, " tokens, the collection ",
                    stats.fields[field].docs, " and ", stats.fields[field].tokens));
    }
    return absl::OkStatus();
  }

  absl::Status CheckStoredFields() const {
    const StoredFieldsReader& stored = shard_.stored_fields();
    for (uint64_t block = 0; block < stored.blocks(); ++block) {
      if (progress_) RETURN_IF_ERROR(progress_(0));
      ASSIGN_OR_RETURN(const std::vector<StoredFieldsReader::Record> records,
                       stored.ReadBlock(block));
      for (const StoredFieldsReader::Record& record : records) {
        for (const auto& [field, value] : record) {
          if (field < fields_.size()) continue;
          return section(SectionId::kStored)
              .Damage(0, Concat("block ", block, ": field ", field, " does not exist"));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckIds() const {
    if (!section(SectionId::kIds).present) return absl::OkStatus();
    for (LocalDoc doc = 0; doc < shard_.docs(); ++doc) {
      if (doc % kDocsBetweenCalls == 0 && progress_) RETURN_IF_ERROR(progress_(0));
      ASSIGN_OR_RETURN(const std::string id, shard_.ExternalId(doc));
      ASSIGN_OR_RETURN(const std::optional<LocalDoc> found, shard_.FindExternalId(id));
      if (found == doc) continue;
      // The lower of two documents with one id is the one that is found.
      if (found.has_value() && *found < doc) continue;
      return section(SectionId::kIdDocs)
          .Damage(0, Concat("id \"", id, "\" of document ", doc, " is not found"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckLiveDocs() const {
    const Section& live = section(SectionId::kLiveDocs);
    const uint64_t* words = shard_.live_docs();
    if (!live.present || words == nullptr) return absl::OkStatus();
    const uint64_t count = live.size() / sizeof(uint64_t);
    for (uint64_t word = shard_.docs() / 64; word < count; ++word) {
      const uint64_t first = word * 64;
      const uint64_t valid =
          first >= shard_.docs() ? 0 : (uint64_t{1} << (shard_.docs() - first)) - 1;
      if ((words[word] & ~valid) == 0) continue;
      return live.Damage(word * sizeof(uint64_t),
                         Concat("a document from ", shard_.docs(), " on is live"));
    }
    uint64_t live_docs = 0;
    for (uint64_t word = 0; word < count; ++word) {
      live_docs += static_cast<uint64_t>(std::popcount(words[word]));
    }
    return live_docs < shard_.docs() ? absl::OkStatus() : live.Damage(0, "every document is live");
  }

  const ShardFile& shard_;
  const CheckProgress& progress_;
  std::array<uint64_t, 256> histogram_{};
  std::vector<FieldCounts> fields_;
};

}  // namespace

absl::Status CheckDocuments(const ShardFile& shard, const CheckProgress& progress) {
  return DocumentChecker(shard, progress).Run();
}

}  // namespace canopy
