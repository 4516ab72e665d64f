#include "shard/id_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/byte_io.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/varint.h"

namespace canopy {
namespace {

// The index is built in passes over the hashes, each for as many buckets as hold about this many
// documents.
constexpr uint64_t kDocsPerPass = 1 << 21;
constexpr size_t kMaxPendingBytes = 1 << 20;

}  // namespace

IdWriter::Sections::Sections(FileSystem& files, const std::string& prefix)
    : ids(files, prefix + ".ids"),
      places(files, prefix + ".id_places"),
      bases(files, prefix + ".id_bases"),
      buckets(files, prefix + ".id_buckets"),
      docs(files, prefix + ".id_docs"),
      hashes(files, prefix + ".id_hashes") {}

IdWriter::IdWriter(FileSystem& files, IdWriterOptions options)
    : files_(files), options_(std::move(options)) {}
IdWriter::~IdWriter() = default;

absl::Status IdWriter::Add(std::string_view id) {
  const DocId doc = GlobalDoc({options_.shard, static_cast<LocalDoc>(docs_)}, options_.num_shards);
  const bool implied = id.empty() || ParseDecimal(id) == doc;
  if (!implied && !stored()) RETURN_IF_ERROR(StartStoring());
  ++docs_;
  return stored() ? Store(doc, implied ? std::string_view() : id) : absl::OkStatus();
}

absl::Status IdWriter::StartStoring() {
  sections_ = std::make_unique<Sections>(files_, options_.path_prefix);
  for (uint64_t doc = 0; doc < docs_; ++doc) {
    RETURN_IF_ERROR(
        Store(GlobalDoc({options_.shard, static_cast<LocalDoc>(doc)}, options_.num_shards), {}));
  }
  return absl::OkStatus();
}

absl::Status IdWriter::Store(DocId doc, std::string_view id) {
  RETURN_IF_ERROR(table_.Add(id.size()));
  pending_ids_ += id;
  ByteWriter(pending_hashes_).U64(Checksum(id.empty() ? Concat(doc) : std::string(id)));
  return pending_hashes_.size() < kMaxPendingBytes ? absl::OkStatus() : Flush();
}

absl::Status IdWriter::Flush() {
  if (!stored()) return absl::OkStatus();
  RETURN_IF_ERROR(sections_->ids.Flush(pending_ids_));
  RETURN_IF_ERROR(sections_->hashes.Flush(pending_hashes_));
  RETURN_IF_ERROR(sections_->places.Flush(table_.output().places));
  return sections_->bases.Flush(table_.output().bases);
}

absl::Status IdWriter::Finish() {
  if (!stored()) return absl::OkStatus();
  RETURN_IF_ERROR(table_.Finish());
  RETURN_IF_ERROR(Flush());
  const IdBuckets buckets(docs_);
  uint64_t step = buckets.count;
  while (step > 1 && docs_ / (buckets.count / step) > kDocsPerPass) step /= 2;
  for (uint64_t begin = 0; begin < buckets.count; begin += step) {
    RETURN_IF_ERROR(WriteBuckets(buckets, begin, begin + step));
  }
  std::string end;
  ByteWriter(end).U32(static_cast<uint32_t>(bucket_end_));
  return sections_->buckets.Append(end);
}

absl::Status IdWriter::WriteBuckets(const IdBuckets& buckets, uint64_t begin, uint64_t end) {
  std::vector<std::pair<uint32_t, LocalDoc>> found;  // bucket, document
  LocalDoc doc = 0;
  RETURN_IF_ERROR(sections_->hashes.ForEachPiece([&](std::string_view piece) {
    for (size_t at = 0; at < piece.size(); at += sizeof(uint64_t), ++doc) {
      const uint64_t bucket = buckets.Of(LoadAs<uint64_t>(piece.data() + at));
      if (bucket >= begin && bucket < end) found.emplace_back(static_cast<uint32_t>(bucket), doc);
    }
    return absl::OkStatus();
  }));
  std::sort(found.begin(), found.end());
  std::string places, docs;
  size_t next = 0;
  for (uint64_t bucket = begin; bucket < end; ++bucket) {
    ByteWriter(places).U32(static_cast<uint32_t>(bucket_end_));
    for (; next < found.size() && found[next].first == bucket; ++next, ++bucket_end_) {
      ByteWriter(docs).U32(found[next].second);
    }
  }
  RETURN_IF_ERROR(sections_->buckets.Append(places));
  return sections_->docs.Append(docs);
}

}  // namespace canopy
