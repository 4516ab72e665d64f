#include "shard/term_bounds.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "base/byte_io.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/term_bounds_format.h"

namespace canopy {
namespace {

constexpr size_t kProgressBytes = 1 << 20;
constexpr uint8_t kLargestBound = 255;

}  // namespace

absl::Status TermBounds::Damage(uint64_t offset, std::string_view problem) const {
  return absl::DataLossError(
      Concat(path_, ": section \"term_bounds\" offset ", offset, ": ", problem));
}

absl::StatusOr<std::unique_ptr<TermBounds>> TermBounds::Open(FileSystem& files,
                                                             const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile map, files.Map(path));
  std::unique_ptr<TermBounds> bounds(new TermBounds(std::move(map), path));
  RETURN_IF_ERROR(bounds->ReadHeader());
  RETURN_IF_ERROR(bounds->ReadFooter());
  RETURN_IF_ERROR(bounds->ReadPlaces());
  return bounds;
}

absl::Status TermBounds::ReadHeader() {
  if (size_bytes() < kTermBoundsHeaderBytes + kTermBoundsFooterBytes) {
    return Damage(0, Concat("the file has ", size_bytes(), " bytes, at least ",
                            kTermBoundsHeaderBytes + kTermBoundsFooterBytes, " are needed"));
  }
  ByteReader header(map_.bytes().substr(0, kTermBoundsHeaderBytes), "header");
  if (header.Bytes(kTermBoundsMagic.size()) != kTermBoundsMagic) {
    return Damage(0, "not a file of term bounds");
  }
  const uint32_t version = header.U32();
  if (version == 0) return Damage(8, "format version 0 does not exist");
  if (version != kTermBoundsVersion) {
    return absl::FailedPreconditionError(
        Concat(path_, ": format version ", version, ", this program's is ", kTermBoundsVersion,
               version < kTermBoundsVersion ? "; build the index again" : ""));
  }
  num_shards_ = header.U32();
  docs_ = header.U64();
  return num_shards_ > 0 ? absl::OkStatus() : Damage(12, "no shards");
}

absl::Status TermBounds::ReadFooter() {
  const uint64_t at = size_bytes() - kTermBoundsFooterBytes;
  const std::string_view bytes = map_.bytes().substr(at);
  ByteReader footer(bytes, "footer");
  const uint64_t terms = footer.U64();
  const uint64_t names_bytes = footer.U64();
  filter_rows_ = footer.U64();
  body_checksum_ = footer.U64();
  checksum_ = footer.U64();
  if (footer.Bytes(kTermBoundsFooterMagic.size()) != kTermBoundsFooterMagic ||
      bytes.substr(footer.offset()).find_first_not_of('\0') != std::string_view::npos) {
    return Damage(at, "no footer at the end of the file; the file is cut or damaged");
  }
  const uint64_t found = Checksum(bytes.substr(0, kTermBoundsSummedBytes));
  if (found != checksum_) {
    return Damage(at, absl::StrFormat("checksum %016x, expected %016x", found, checksum_));
  }
  // Each is below 2^64 / 2^32 by the file's size, so that no sum below overflows.
  const bool fit = terms <= size_bytes() && names_bytes <= size_bytes() &&
                   filter_rows_ <= 8 * size_bytes() && size_bytes() < uint64_t{1} << 56 &&
                   filter_rows_ <= UINT64_MAX / num_shards_ && terms <= UINT64_MAX / num_shards_;
  uint64_t end = kTermBoundsHeaderBytes;
  const auto take = [&](uint64_t size) {
    const uint64_t from = std::min(end, at);
    end = size > at - from ? at + 1 : end + size;
    return map_.bytes().substr(from, size);
  };
  std::string_view dfs, places;
  if (fit) {
    dfs = take(terms * sizeof(uint32_t));
    places = take((terms + 1) * sizeof(uint32_t));
    bounds_ = take(terms * num_shards_);
    names_ = take(names_bytes);
    const uint64_t bits = filter_rows_ * num_shards_;
    filter_ = take(bits / 8 + (bits % 8 != 0 ? 1 : 0));
  }
  if (!fit || end != at) {
    return Damage(at, Concat(terms, " terms, ", names_bytes, " bytes of names and ", filter_rows_,
                             " rows of ", num_shards_, " bits do not end here"));
  }
  ASSIGN_OR_RETURN(dfs_, ViewAs<uint32_t>(dfs, 0, terms, path_));
  ASSIGN_OR_RETURN(places_, ViewAs<uint32_t>(places, 0, terms + 1, path_));
  return absl::OkStatus();
}

absl::Status TermBounds::ReadPlaces() {
  const bool ascend = std::is_sorted(places_.begin(), places_.end());
  if (ascend && places_.front() == 0 && places_.back() == names_.size()) return absl::OkStatus();
  return Damage(kTermBoundsHeaderBytes + dfs_.size() * sizeof(uint32_t),
                "places of terms do not ascend from the first to the last byte");
}

absl::Status TermBounds::VerifyChecksum(
    const std::function<absl::Status(uint64_t bytes)>& progress) const {
  const std::string_view body = map_.bytes().substr(0, size_bytes() - kTermBoundsFooterBytes);
  ChecksumStream stream;
  for (size_t at = 0; at < body.size(); at += kProgressBytes) {
    const std::string_view piece = body.substr(at, kProgressBytes);
    stream.Update(piece);
    if (progress) RETURN_IF_ERROR(progress(piece.size()));
  }
  if (stream.Digest() != body_checksum_) {
    return Damage(
        0, absl::StrFormat("checksum %016x, expected %016x", stream.Digest(), body_checksum_));
  }
  return progress ? progress(kTermBoundsFooterBytes) : absl::OkStatus();
}

FilterRows TermBounds::RowsOf(std::string_view term) const {
  return FilterRows::Of(FilterRows::Key(Checksum(term)), filter_rows_);
}

// Terms that are not there at all may seem to be: then a bound is higher than it need be.
bool TermBounds::FilterHas(const FilterRows& rows, uint32_t shard) const {
  const auto has = [&](uint64_t bit) {
    return (static_cast<uint8_t>(filter_[bit / 8]) >> bit % 8 & 1) != 0;
  };
  return has(rows.first * num_shards_ + shard) && has(rows.second * num_shards_ + shard);
}

uint64_t TermBounds::Find(std::string_view term, absl::Span<uint8_t> bounds) const {
  DCHECK(bounds.size() == num_shards_);
  size_t low = 0,
         high = dfs_.size();  // terms before `low` are below it, those from `high` on above
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = Name(middle).compare(term);
    if (order == 0) {
      std::memcpy(bounds.data(), bounds_.data() + middle * num_shards_, num_shards_);
      return dfs_[middle];
    }
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  std::fill(bounds.begin(), bounds.end(), uint8_t{0});
  if (filter_rows_ == 0) return 1;
  const FilterRows rows = RowsOf(term);
  for (uint32_t shard = 0; shard < num_shards_; ++shard) {
    if (FilterHas(rows, shard)) bounds[shard] = kLargestBound;
  }
  return 1;
}

bool TermBounds::FindRow(std::string_view term, size_t& place) const {
  while (place < dfs_.size() && Name(place) < term) ++place;
  return place < dfs_.size() && Name(place) == term;
}

bool TermBounds::MayHave(std::string_view term, ShardId shard) const {
  return filter_rows_ > 0 && FilterHas(RowsOf(term), shard);
}

}  // namespace canopy
