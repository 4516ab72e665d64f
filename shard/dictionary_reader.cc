#include "shard/dictionary_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"

namespace canopy {
namespace {

// A block of sixteen terms takes some 200 bytes.
constexpr size_t kPrefetchedLines = 4;
constexpr size_t kCacheLineBytes = 64;

// A nibble of the lengths byte, with what follows it when it is full.
uint32_t TakeLength(uint32_t nibble, VarintCursor& cursor) {
  return nibble < 15 ? nibble : 15 + cursor.U8();
}

size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t length = 0;
  while (length < limit && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

uint64_t DictionaryKey(std::string_view term) {
  char bytes[8] = {};
  std::memcpy(bytes, term.data(), std::min(term.size(), sizeof(bytes)));
  return __builtin_bswap64(LoadAs<uint64_t>(bytes));
}

// Reads a block's entries one after the other. Running sums and the last single field live here.
class DictionaryReader::BlockReader final {
 public:
  BlockReader(const DictionaryReader& dictionary, std::string_view block)
      : limits_(dictionary.limits_),
        section_bytes_(dictionary.section_->bytes.data()),
        block_(block),
        cursor_(block) {}

  bool ok() const { return cursor_.ok() && sane_; }
  bool done() const { return cursor_.done(); }
  size_t offset() const { return cursor_.offset(); }

  std::string_view TakeFirstTerm() {
    const std::string_view term = cursor_.Bytes(cursor_.U8());
    postings_end_ = cursor_.Varint();
    positions_end_ = cursor_.Varint();
    sane_ = !term.empty() && postings_end_ <= limits_.postings_bytes &&
            positions_end_ <= limits_.positions_bytes;
    return term;
  }

  // Bytes shared with the term before, and the others.
  std::pair<uint32_t, std::string_view> TakeTerm() {
    const uint8_t lengths = cursor_.U8();
    const uint32_t shared = TakeLength(lengths >> 4, cursor_);
    const uint32_t suffix = TakeLength(lengths & 15, cursor_);
    return {shared, cursor_.Bytes(suffix)};
  }

  TermInfo TakeValues() {
    const uint64_t head = cursor_.Varint();
    TermInfo info = head & 1 ? TakeSingle(head) : TakeSeveral(head);
    sane_ &= info.df <= info.global_df && info.global_df <= limits_.collection_docs;
    if (head & 8) {
      TakeFields(info);
    } else {
      info.only_field = last_field_;
    }
    return info;
  }

 private:
  TermInfo TakeSingle(uint64_t head) {
    TermInfo info;
    info.df = 1;
    info.single_doc = cursor_.Varint32();
    const uint64_t tf = head & 2 ? uint64_t{cursor_.Varint32()} + 2 : 1;
    info.single_tf = static_cast<uint32_t>(tf);
    info.global_df = head & 4 ? cursor_.Varint() + 2 : 1;
    info.postings = postings_end_;
    TakePositions((head >> 4) + tf, info);
    sane_ &= info.single_doc < limits_.docs && tf <= UINT32_MAX;
    return info;
  }

  TermInfo TakeSeveral(uint64_t head) {
    TermInfo info;
    const uint64_t df = (head >> 4) + 2;
    sane_ &= df <= limits_.docs;
    info.df = static_cast<uint32_t>(df);
    info.global_df = df + (head & 2 ? cursor_.Varint() : 0);
    info.postings_size = cursor_.Varint();
    if (df > kMaxShortPostings)
      postings_end_ = AlignUp(postings_end_, head & 4 ? kSectionAlignment : 8);
    info.postings = postings_end_;
    sane_ &= postings_end_ <= limits_.postings_bytes &&
             info.postings_size <= limits_.postings_bytes - postings_end_;
    postings_end_ += sane_ ? info.postings_size : 0;
    TakePositions(cursor_.Varint() + df, info);
    return info;
  }

  void TakePositions(uint64_t size, TermInfo& info) {
    info.positions = positions_end_;
    info.positions_size = size;
    sane_ &= size <= limits_.positions_bytes - positions_end_;
    positions_end_ += sane_ ? size : 0;
  }

  void TakeFields(TermInfo& info) {
    const auto block_at = static_cast<uint64_t>(block_.data() - section_bytes_);
    const uint64_t list = block_at + cursor_.offset();
    const uint64_t value = cursor_.Varint();
    if (value % 2 == 0) {
      sane_ &= value / 2 < kMaxFields;
      info.only_field = last_field_ = static_cast<uint32_t>(value / 2);
      return;
    }
    info.only_field = TermInfo::kSeveralFields;
    info.field_dfs = list;
    for (uint64_t i = 0; i < value / 2 && cursor_.ok(); ++i) {
      cursor_.Varint();
      cursor_.Varint();
    }
  }

  const DictionaryLimits& limits_;
  const char* section_bytes_;
  const std::string_view block_;
  VarintCursor cursor_;
  uint64_t postings_end_ = 0;
  uint64_t positions_end_ = 0;
  uint32_t last_field_ = 0;
  bool sane_ = true;
};

absl::StatusOr<DictionaryReader> DictionaryReader::Open(const SectionTable& sections,
                                                        const DictionaryLimits& limits) {
  const Section& keys = sections.Get(SectionId::kDictionaryKeys);
  // A term takes more than one byte, so this also keeps the sums below from overflowing.
  if (limits.terms > sections.size_bytes())
    return keys.Damage(0, Concat("too short for ", limits.terms, " terms"));
  const uint64_t blocks = (limits.terms + kDictionaryBlockTerms - 1) / kDictionaryBlockTerms;
  DictionaryReader reader;
  reader.section_ = &sections.Get(SectionId::kDictionary);
  reader.limits_ = limits;
  ASSIGN_OR_RETURN(reader.keys_, keys.Array<uint64_t>(blocks));
  ASSIGN_OR_RETURN(reader.places_,
                   sections.Get(SectionId::kDictionaryPlaces).Array<uint32_t>(blocks + 1));
  return reader;
}

uint64_t DictionaryReader::TermsInBlock(uint64_t block) const {
  return std::min<uint64_t>(kDictionaryBlockTerms, limits_.terms - block * kDictionaryBlockTerms);
}

absl::StatusOr<std::string_view> DictionaryReader::Block(uint64_t block) const {
  const uint32_t begin = places_[block], end = places_[block + 1];
  if (begin >= end || end > section_->size()) {
    return section_->Damage(
        begin, Concat("block ", block, " ends at ", end, " of ", section_->size(), " bytes"));
  }
  return section_->bytes.substr(begin, end - begin);
}

absl::StatusOr<std::string_view> DictionaryReader::FirstTerm(uint64_t block) const {
  ASSIGN_OR_RETURN(const std::string_view bytes, Block(block));
  VarintCursor cursor(bytes);
  const std::string_view term = cursor.Bytes(cursor.U8());
  if (!cursor.ok()) return section_->Damage(places_[block], Concat("block ", block, " is cut"));
  return term;
}

absl::StatusOr<std::optional<uint64_t>> DictionaryReader::FindBlock(std::string_view term) const {
  const uint64_t key = DictionaryKey(term);
  // Blocks before `low` start below the term, blocks from `high` on start above it.
  uint64_t low = std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin();
  uint64_t high = low;
  if (low < blocks() && keys_[low] == key) {
    high = std::upper_bound(keys_.begin() + low, keys_.end(), key) - keys_.begin();
  }
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const std::string_view first, FirstTerm(middle));
    if (first <= term) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  return low - 1;
}

absl::StatusOr<std::optional<TermInfo>> DictionaryReader::Find(std::string_view term) const {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> block, FindBlock(term));
  if (!block) return std::nullopt;
  return FindInBlock(*block, term);
}

absl::Status DictionaryReader::FindAll(absl::Span<const std::string_view> terms,
                                       absl::Span<std::optional<TermInfo>> infos) const {
  absl::InlinedVector<std::optional<uint64_t>, 8> blocks(terms.size());
  for (size_t i = 0; i < terms.size(); ++i) {
    ASSIGN_OR_RETURN(blocks[i], FindBlock(terms[i]));
    if (blocks[i]) __builtin_prefetch(&places_[*blocks[i]]);
  }
  for (const std::optional<uint64_t>& block : blocks) {
    if (!block || places_[*block] >= section_->size()) continue;
    const char* const bytes = section_->bytes.data() + places_[*block];
    for (size_t line = 0; line < kPrefetchedLines; ++line) {
      __builtin_prefetch(bytes + line * kCacheLineBytes);
    }
  }
  for (size_t i = 0; i < terms.size(); ++i) {
    infos[i].reset();
    if (!blocks[i]) continue;
    ASSIGN_OR_RETURN(infos[i], FindInBlock(*blocks[i], terms[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TermInfo>> DictionaryReader::FindInBlock(uint64_t block,
                                                                      std::string_view term) const {
  ASSIGN_OR_RETURN(const std::string_view bytes, Block(block));
  BlockReader reader(*this, bytes);
  const std::string_view first = reader.TakeFirstTerm();
  // Invariant: the entry read last is below `term`, and the two have `matched` bytes in common.
  size_t matched = CommonPrefix(first, term);
  bool found = first == term;
  TermInfo info = reader.TakeValues();
  const uint64_t terms = TermsInBlock(block);
  uint64_t place = 0;
  while (!found && ++place < terms && reader.ok()) {
    const auto [shared, suffix] = reader.TakeTerm();
    if (shared < matched) break;
    if (shared == matched) {
      const std::string_view rest = term.substr(matched);
      const size_t common = CommonPrefix(suffix, rest);
      found = common == suffix.size() && common == rest.size();
      const bool above = common < suffix.size() &&
                         (common == rest.size() || static_cast<uint8_t>(suffix[common]) >
                                                       static_cast<uint8_t>(rest[common]));
      if (above) break;
      matched += common;
    }
    info = reader.TakeValues();
  }
  if (!reader.ok()) return section_->Damage(places_[block], Concat("block ", block, " is damaged"));
  if (!found) return std::nullopt;
  info.ordinal = block * kDictionaryBlockTerms + place;
  return info;
}

absl::StatusOr<DictionaryReader::FieldDfs> DictionaryReader::GlobalFieldDfs(
    const TermInfo& term) const {
  if (term.only_field != TermInfo::kSeveralFields)
    return FieldDfs{{term.only_field, term.global_df}};
  if (term.field_dfs >= section_->size()) return section_->Damage(term.field_dfs, "out of bounds");
  VarintCursor cursor(section_->bytes.substr(term.field_dfs));
  const uint64_t fields = cursor.Varint() / 2;
  FieldDfs dfs;
  uint64_t next_field = 0;
  for (uint64_t i = 0; i < fields && cursor.ok(); ++i) {
    const uint64_t field = next_field + cursor.Varint32();
    const uint64_t df = cursor.Varint();
    if (field >= kMaxFields || df == 0 || df > term.global_df) {
      return section_->Damage(term.field_dfs, Concat("field ", field, " has ", df, " of ",
                                                     term.global_df, " documents"));
    }
    dfs.emplace_back(static_cast<uint32_t>(field), df);
    next_field = field + 1;
  }
  if (!cursor.ok()) return section_->Damage(term.field_dfs, "list of fields is cut");
  return dfs;
}

absl::StatusOr<bool> TermCursor::Next() {
  if (place_ == block_.size()) {
    if (next_block_ == dictionary_.blocks()) return false;
    RETURN_IF_ERROR(LoadBlock());
  }
  std::swap(term_, block_[place_].first);
  info_ = block_[place_].second;
  ++place_;
  return true;
}

absl::Status TermCursor::LoadBlock() {
  const uint64_t block = next_block_++;
  ASSIGN_OR_RETURN(const std::string_view bytes, dictionary_.Block(block));
  const auto damage = [&](std::string_view problem) {
    return dictionary_.section_->Damage(dictionary_.places_[block],
                                        Concat("block ", block, ": ", problem));
  };
  DictionaryReader::BlockReader reader(dictionary_, bytes);
  std::string term(reader.TakeFirstTerm());
  if (DictionaryKey(term) != dictionary_.keys_[block])
    return damage("its key is not that of its first term");
  std::string last = block_.empty() ? std::string() : term_;
  block_.clear();
  place_ = 0;
  const uint64_t terms = dictionary_.TermsInBlock(block);
  for (uint64_t i = 0; i < terms; ++i) {
    if (i > 0) {
      const auto [shared, suffix] = reader.TakeTerm();
      if (shared > last.size()) return damage("a term shares more bytes than the one before has");
      term.assign(last, 0, shared).append(suffix);
    }
    if (last >= term || term.size() > kMaxDictionaryTermBytes) return damage("terms do not ascend");
    TermInfo info = reader.TakeValues();
    if (!reader.ok()) return damage("an entry is cut or its numbers are out of bounds");
    info.ordinal = block * kDictionaryBlockTerms + i;
    last = term;
    block_.emplace_back(term, info);
  }
  return reader.done() ? absl::OkStatus() : damage("bytes are left over");
}

}  // namespace canopy
