#include "shard/offset_table.h"

#include "base/byte_io.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr int kRecordsPerBaseBits = 16;

}  // namespace

absl::Status OffsetTableWriter::Add(uint64_t record_size) {
  if (records_ % (1 << kRecordsPerBaseBits) == 0) {
    base_ = end_;
    ByteWriter(output_.bases).U64(base_);
  }
  if (end_ - base_ > UINT32_MAX) {
    return absl::ResourceExhaustedError(
        Concat("records ", records_ >> kRecordsPerBaseBits << kRecordsPerBaseBits, " to ", records_,
               " take ", end_ - base_, " bytes, limit ", UINT32_MAX));
  }
  ByteWriter(output_.places).U32(static_cast<uint32_t>(end_ - base_));
  end_ += record_size;
  ++records_;
  return absl::OkStatus();
}

absl::StatusOr<OffsetTable> OffsetTable::Open(const Section& data, const Section& places,
                                              const Section& bases, uint64_t records) {
  OffsetTable table;
  table.data_ = &data;
  ASSIGN_OR_RETURN(table.places_, places.Array<uint32_t>(records + 1));
  ASSIGN_OR_RETURN(table.bases_, bases.Array<uint64_t>((records >> kRecordsPerBaseBits) + 1));
  return table;
}

absl::StatusOr<std::string_view> OffsetTable::Get(uint64_t record) const {
  const uint64_t begin = bases_[record >> kRecordsPerBaseBits] + places_[record];
  const uint64_t end = bases_[(record + 1) >> kRecordsPerBaseBits] + places_[record + 1];
  if (begin > end || end > data_->size()) {
    return data_->Damage(
        begin, Concat("record ", record, " ends at ", end, " of ", data_->size(), " bytes"));
  }
  return data_->bytes.substr(begin, end - begin);
}

}  // namespace canopy
