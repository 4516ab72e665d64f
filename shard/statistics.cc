#include "shard/statistics.h"

#include <cmath>
#include <set>
#include <string_view>

#include "base/byte_io.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr size_t kLengthCodes = 256;

void EncodeFields(const CollectionStats& stats, ByteWriter& writer) {
  writer.Varint(stats.fields.size());
  for (const CollectionStats::FieldStats& field : stats.fields) {
    writer.SizedBytes(field.name);
    writer.U64(field.docs);
    writer.U64(field.tokens);
  }
}

void DecodeFields(ByteReader& reader, CollectionStats& stats) {
  const uint64_t fields = reader.Varint();
  if (fields > kMaxFields) reader.Fail(Concat(fields, " fields, limit ", kMaxFields));
  for (uint64_t i = 0; i < fields && reader.ok(); ++i) {
    CollectionStats::FieldStats field;
    field.name = std::string(reader.SizedBytes());
    field.docs = reader.U64();
    field.tokens = reader.U64();
    stats.fields.push_back(std::move(field));
  }
}

absl::Status ValidateFields(const CollectionStats& stats) {
  if (stats.fields.size() > kMaxFields) {
    return absl::InvalidArgumentError(Concat(stats.fields.size(), " fields, limit ", kMaxFields));
  }
  std::set<std::string_view> names;
  for (const CollectionStats::FieldStats& field : stats.fields) {
    if (!names.insert(field.name).second) {
      return absl::InvalidArgumentError(Concat("two fields are named \"", field.name, "\""));
    }
    if (field.docs > stats.docs || field.tokens > stats.tokens) {
      return absl::InvalidArgumentError(
          Concat("field \"", field.name, "\" has ", field.docs, " documents and ", field.tokens,
                 " tokens, the collection ", stats.docs, " and ", stats.tokens));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateStats(const CollectionStats& stats) {
  if (stats.num_shards == 0) return absl::InvalidArgumentError("a collection of 0 shards");
  if (!std::isfinite(stats.k1) || stats.k1 < 0) {
    return absl::InvalidArgumentError(Concat("k1 is ", stats.k1, ", it must be 0 or more"));
  }
  if (!(stats.b >= 0 && stats.b <= 1)) {
    return absl::InvalidArgumentError(Concat("b is ", stats.b, ", it must be from 0 to 1"));
  }
  if (stats.length_histogram.size() != kLengthCodes) {
    return absl::InvalidArgumentError(Concat("length histogram of ", stats.length_histogram.size(),
                                             " entries, expected ", kLengthCodes));
  }
  uint64_t counted = 0;
  for (const uint64_t docs : stats.length_histogram) counted += docs;
  if (counted != stats.docs) {
    return absl::InvalidArgumentError(
        Concat("length histogram counts ", counted, " documents of ", stats.docs));
  }
  return ValidateFields(stats);
}

std::string EncodeStatistics(const ShardStatistics& statistics) {
  const CollectionStats& stats = statistics.collection;
  std::string bytes;
  ByteWriter writer(bytes);
  writer.U64(stats.docs);
  writer.U64(stats.tokens);
  writer.U32(stats.num_shards);
  writer.SizedBytes(stats.analyzer);
  writer.U32(stats.analyzer_version);
  writer.F32(stats.k1);
  writer.F32(stats.b);
  writer.F64(statistics.average_length);
  EncodeFields(stats, writer);
  for (const uint64_t docs : stats.length_histogram) writer.U64(docs);
  writer.U32(statistics.shard);
  writer.U64(statistics.docs);
  writer.U64(statistics.terms);
  writer.U64(statistics.postings);
  writer.U64(statistics.tokens);
  return bytes;
}

absl::StatusOr<ShardStatistics> DecodeStatistics(const Section& section) {
  ShardStatistics statistics;
  CollectionStats& stats = statistics.collection;
  ByteReader reader(section.bytes, "statistics");
  stats.docs = reader.U64();
  stats.tokens = reader.U64();
  stats.num_shards = reader.U32();
  stats.analyzer = std::string(reader.SizedBytes());
  stats.analyzer_version = reader.U32();
  stats.k1 = reader.F32();
  stats.b = reader.F32();
  statistics.average_length = reader.F64();
  DecodeFields(reader, stats);
  for (size_t code = 0; code < kLengthCodes; ++code) stats.length_histogram.push_back(reader.U64());
  statistics.shard = reader.U32();
  statistics.docs = reader.U64();
  statistics.terms = reader.U64();
  statistics.postings = reader.U64();
  statistics.tokens = reader.U64();
  const absl::Status complete = reader.Finish();
  if (!complete.ok()) return section.Damage(reader.offset(), Message(complete));
  const absl::Status valid = ValidateStats(stats);
  if (!valid.ok()) return section.Damage(0, Message(valid));
  if (!std::isfinite(statistics.average_length) || statistics.average_length < 0) {
    return section.Damage(0, Concat("average length ", statistics.average_length));
  }
  if (statistics.docs > kMaxDocsPerShard || statistics.docs > stats.docs ||
      statistics.tokens > stats.tokens) {
    return section.Damage(
        0, Concat("the shard has ", statistics.docs, " documents and ", statistics.tokens,
                  " tokens, the collection ", stats.docs, " and ", stats.tokens));
  }
  return statistics;
}

}  // namespace canopy
