#include "indexer/memory_run.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/byte_io.h"
#include "base/check.h"
#include "base/status.h"
#include "indexer/posting_stream.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace canopy {
namespace {

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// As memcmp(a, b, size) == 0, without a call for the sizes that terms have.
bool EqualBytes(const char* a, const char* b, size_t size) {
  if (size > 16) return std::memcmp(a, b, size) == 0;
  if (size >= 8) {
    return Load<uint64_t>(a) == Load<uint64_t>(b) &&
           Load<uint64_t>(a + size - 8) == Load<uint64_t>(b + size - 8);
  }
  if (size >= 4) {
    return Load<uint32_t>(a) == Load<uint32_t>(b) &&
           Load<uint32_t>(a + size - 4) == Load<uint32_t>(b + size - 4);
  }
  return a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1];
}

uint32_t OffsetIn(uint64_t slot) { return static_cast<uint32_t>(slot); }
uint32_t HashIn(uint64_t slot) { return static_cast<uint32_t>(slot >> 32); }

}  // namespace

uint64_t TermPrefix(std::string_view term) {
  if (term.size() >= 8) return __builtin_bswap64(Load<uint64_t>(term.data()));
  uint64_t prefix = 0;
  std::memcpy(&prefix, term.data(), term.size());
  return __builtin_bswap64(prefix);
}

absl::StatusOr<std::unique_ptr<MemoryRun>> MemoryRun::Create() {
  ASSIGN_OR_RETURN(Arena arena, Arena::Create());
  std::unique_ptr<MemoryRun> run(new MemoryRun(std::move(arena)));
  RETURN_IF_ERROR(run->GrowTable());
  return run;
}

void MemoryRun::AddTerm(std::string_view term) {
  const auto hash = static_cast<uint32_t>(XXH3_64bits(term.data(), term.size()) >> 32);
  __builtin_prefetch(slots() + SlotOf(hash));
  Token& token = tokens_[num_tokens_];
  token.hash = hash;
  token.doc = doc_;
  token.position = position_++;
  token.text = text_size_;
  token.field = field_;
  token.size = static_cast<uint8_t>(term.size());
  std::memcpy(text_ + text_size_, term.data(), term.size());
  text_size_ += token.size;
  if (++num_tokens_ == kBlockTokens) status_.Update(InvertBlock());
}

absl::Status MemoryRun::Flush() {
  status_.Update(InvertBlock());
  return status_;
}

absl::Status MemoryRun::InvertBlock() {
  if (arena_.free_bytes() < num_tokens_ * kMaxTokenBytes) {
    num_tokens_ = text_size_ = 0;
    return absl::ResourceExhaustedError(absl::StrCat("the terms of document ", doc_,
                                                     " need more than the ", Arena::kMaxBytes,
                                                     " bytes that one run can hold"));
  }
  if (TableIsFull(num_tokens_)) RETURN_IF_ERROR(GrowTable());
  FindSlots();
  FindEntries();
  AppendTokens();
  num_tokens_ = text_size_ = 0;
  return absl::OkStatus();
}

// The first slot that may be the term's or is free. Slots are only ever filled, so the search can
// go on from there.
void MemoryRun::FindSlots() {
  const uint64_t* const slots = this->slots();
  const auto mask = static_cast<uint32_t>(num_slots() - 1);
  for (size_t i = 0; i < num_tokens_; ++i) {
    Token& token = tokens_[i];
    uint32_t at = SlotOf(token.hash);
    while (slots[at] != 0 && HashIn(slots[at]) != token.hash) at = (at + 1) & mask;
    token.slot = at;
    const char* entry = arena_.At<char>(OffsetIn(slots[at]));
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 63);
  }
}

void MemoryRun::FindEntries() {
  uint64_t* const slots = this->slots();
  const auto mask = static_cast<uint32_t>(num_slots() - 1);
  for (size_t i = 0; i < num_tokens_; ++i) {
    Token& token = tokens_[i];
    const char* const text = text_ + token.text;
    for (uint32_t at = token.slot;; at = (at + 1) & mask) {
      if (slots[at] == 0) {
        token.entry = Insert(token);
        slots[at] = uint64_t{token.hash} << 32 | token.entry;
        break;
      }
      if (HashIn(slots[at]) != token.hash) continue;
      const Entry& entry = *EntryAt(OffsetIn(slots[at]));
      if (entry.node.term_size == token.size &&
          EqualBytes(TermOf(entry).data(), text, token.size)) {
        token.entry = OffsetIn(slots[at]);
        __builtin_prefetch(arena_.At(entry.tail.next), 1);
        break;
      }
    }
  }
}

uint32_t MemoryRun::Insert(const Token& token) {
  const uint32_t first_slice = FirstSliceBytes(token.size);
  const uint32_t offset = arena_.Allocate(sizeof(Entry) + token.size + first_slice);
  Entry& entry = *EntryAt(offset);
  entry = Entry();
  entry.tail.next = offset + sizeof(Entry) + token.size;
  entry.tail.room = static_cast<uint16_t>(first_slice);
  entry.last_doc = kNoDoc;
  entry.field_node = offset + offsetof(Entry, node);
  entry.node.next = entry.field_node;
  entry.node.field = token.field;
  entry.node.term_size = token.size;
  std::memcpy(&entry + 1, text_ + token.text, token.size);
  ++num_terms_;
  return offset;
}

void MemoryRun::AppendTokens() {
  for (size_t i = 0; i < num_tokens_; ++i) AppendToken(tokens_[i]);
}

void MemoryRun::AppendToken(const Token& token) {
  Entry& entry = *EntryAt(token.entry);
  uint8_t bytes[1 + 2 * kMaxVarintBytes];
  uint8_t* end = bytes;
  if (entry.last_doc != token.doc) {
    if (entry.last_doc == kNoDoc) {
      end = EncodeVarint(token.doc, end);
    } else {
      *end++ = 0;
      end = EncodeVarint(token.doc - entry.last_doc, end);
    }
    end = EncodeVarint(token.position, end);
    entry.last_doc = token.doc;
    CountField(entry, token.field);
  } else {
    end = EncodeVarint(token.position - entry.last_position, end);
    if (arena_.At<FieldNode>(entry.field_node)->field != token.field) {
      CountField(entry, token.field);
    }
  }
  entry.last_position = token.position;
  for (const uint8_t* byte = bytes; byte != end; ++byte) PutByte(arena_, entry.tail, *byte);
}

// Called once for each document and field with the term, in order.
void MemoryRun::CountField(Entry& entry, uint16_t field) {
  uint32_t at = entry.field_node;
  do {
    FieldNode& node = *arena_.At<FieldNode>(at);
    if (node.field == field) {
      ++node.df;
      entry.field_node = at;
      return;
    }
    at = node.next;
  } while (at != entry.field_node);
  FieldNode& last = *arena_.At<FieldNode>(entry.field_node);
  const uint32_t added = arena_.Allocate(sizeof(FieldNode));
  *arena_.At<FieldNode>(added) = {.next = last.next, .df = 1, .field = field};
  last.next = added;
  entry.field_node = added;
}

// Slots are in the order of their hashes (but for those that had to move on), so this reads and
// writes in order.
absl::Status MemoryRun::GrowTable() {
  const PageBuffer old = std::move(table_);
  const size_t old_slots = old.data() == nullptr ? 0 : num_slots();
  const int bits = old_slots == 0 ? kMinTableBits : table_bits_ + 1;
  absl::StatusOr<PageBuffer> table = PageBuffer::Create((size_t{1} << bits) * sizeof(uint64_t));
  if (!table.ok()) return table.status();
  table_ = *std::move(table);
  table_bits_ = bits;
  const auto mask = static_cast<uint32_t>(num_slots() - 1);
  const auto* from = reinterpret_cast<const uint64_t*>(old.data());
  for (size_t i = 0; i < old_slots; ++i) {
    if (from[i] == 0) continue;
    uint32_t at = SlotOf(HashIn(from[i]));
    while (slots()[at] != 0) at = (at + 1) & mask;
    slots()[at] = from[i];
  }
  return absl::OkStatus();
}

size_t MemoryRun::MemoryBytes() const {
  const bool grows_soon = TableIsFull(num_terms_ / 50 + kBlockTokens);
  return sizeof(*this) + arena_.used_bytes() + TableBytes() * (grows_soon ? 3 : 1) +
         num_terms_ * sizeof(SortedTerm);
}

void MemoryRun::Sort() {
  CHECK(num_tokens_ == 0);
  constexpr size_t kAhead = 16;
  sorted_.clear();
  sorted_.reserve(num_terms_);
  for (size_t i = 0; i < num_slots(); ++i) {
    if (slots()[i] != 0) sorted_.push_back({0, OffsetIn(slots()[i])});
  }
  samples_.clear();
  size_t sampled_bytes = 0;
  for (size_t i = 0; i < sorted_.size(); ++i) {
    if (i + kAhead < sorted_.size()) __builtin_prefetch(EntryAt(sorted_[i + kAhead].entry));
    const Entry& entry = *EntryAt(sorted_[i].entry);
    sorted_[i].prefix = TermPrefix(TermOf(entry));
    sampled_bytes += EstimatedBytes(entry);
    if (sampled_bytes >= kSampleBytes) {
      samples_.emplace_back(TermOf(entry));
      sampled_bytes = 0;
    }
  }
  std::sort(sorted_.begin(), sorted_.end(), [this](const SortedTerm& a, const SortedTerm& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return TermOf(*EntryAt(a.entry)) < TermOf(*EntryAt(b.entry));
  });
}

size_t MemoryRun::EstimatedBytes(const Entry& entry) const {
  constexpr size_t kBytesOfPosting = 6;
  size_t df = 0;
  uint32_t at = entry.field_node;
  do {
    const FieldNode& node = *arena_.At<FieldNode>(at);
    df += node.df;
    at = node.next;
  } while (at != entry.field_node);
  return entry.node.term_size + df * kBytesOfPosting;
}

void MemoryRun::Clear() {
  CHECK(num_tokens_ == 0);
  arena_.Clear();
  table_.Release(TableBytes());
  table_bits_ = kMinTableBits;
  num_terms_ = 0;
  sorted_ = {};
  samples_ = {};
}

void MemoryRun::AppendPostings(uint32_t index, std::string& bytes) const {
  const uint32_t offset = sorted_[index].entry;
  const Entry& entry = *EntryAt(offset);
  const uint32_t term_size = entry.node.term_size;
  ReadSlices(arena_, offset + sizeof(Entry) + term_size, FirstSliceBytes(term_size), entry.tail,
             [&](const uint8_t* slice, size_t size) {
               bytes.append(reinterpret_cast<const char*>(slice), size);
             });
}

void MemoryRun::AppendFieldDfs(uint32_t index, FieldDfs& dfs) const {
  const Entry& entry = *EntryAt(sorted_[index].entry);
  uint32_t at = entry.field_node;
  do {
    const FieldNode& node = *arena_.At<FieldNode>(at);
    dfs.emplace_back(node.field, node.df);
    at = node.next;
  } while (at != entry.field_node);
}

void MemoryRun::Prefetch(uint32_t index) const {
  if (index >= sorted_.size()) return;
  const char* entry = arena_.At<char>(sorted_[index].entry);
  __builtin_prefetch(entry);
  __builtin_prefetch(entry + 63);
}

uint32_t MemoryRun::LowerBound(std::string_view term) const {
  const uint64_t prefix = TermPrefix(term);
  const auto found = std::lower_bound(
      sorted_.begin(), sorted_.end(), term, [&](const SortedTerm& a, std::string_view b) {
        return a.prefix != prefix ? a.prefix < prefix : TermOf(*EntryAt(a.entry)) < b;
      });
  return static_cast<uint32_t>(found - sorted_.begin());
}

}  // namespace canopy
