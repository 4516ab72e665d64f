#include "shard/encoded_terms.h"

#include <algorithm>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/posting_encoder.h"
#include "shard/varint.h"

namespace canopy {

EncodedTerms::EncodedTerms(absl::Span<const uint8_t> length_codes, double average_length, float k1,
                           float b)
    : length_codes_(length_codes),
      average_length_(average_length),
      k1_(k1),
      b_(b),
      bounds_(average_length, k1, b) {}

uint8_t EncodedTerms::Add(const TermPostings& term) {
  if (!status_.ok()) return 0;
  if (term.positions.size() > kMaxPositionBytesPerTerm) {
    status_ = absl::ResourceExhaustedError(Concat(
        "term \"", term.term, "\": ", term.positions.size(),
        " bytes of positions in a shard, limit ", kMaxPositionBytesPerTerm, "; use more shards"));
    return 0;
  }
  CHECK(!term.docs.empty() && term.docs.size() == term.tfs.size());
  CHECK(term.docs.back() < length_codes_.size());
  CHECK(term.term.size() <= kMaxDictionaryTermBytes);
  Record record;
  uint8_t max_bound = 0;
  record.term_size = static_cast<uint16_t>(term.term.size());
  record.df = static_cast<uint32_t>(term.docs.size());
  record.global_df = term.global_df;
  record.field_dfs = static_cast<uint32_t>(term.global_field_df.size());
  if (record.df == 1) {
    record.single_doc = term.docs[0];
    record.single_tf = term.tfs[0];
    max_bound = BoundTable::Byte(bounds_.Ratio(term.tfs[0], length_codes_[term.docs[0]]));
  } else {
    const PostingLayout layout =
        AppendPostings({term.docs, term.tfs, length_codes_}, bounds_, postings_);
    record.postings_size = layout.size;
    record.has_bitset = layout.has_bitset;
    max_bound = layout.max_bound;
  }
  const size_t positions_before = positions_.size();
  AppendPositions(term);
  record.positions_size = positions_.size() - positions_before;
  postings_count_ += term.docs.size();
  for (const TermFrequency tf : term.tfs) tokens_ += tf;
  terms_ += term.term;
  for (const auto& [field, df] : term.global_field_df) {
    CHECK(field < kMaxFields && df > 0 && df <= term.global_df);
    fields_ = std::max(fields_, field + 1);
  }
  field_dfs_.insert(field_dfs_.end(), term.global_field_df.begin(), term.global_field_df.end());
  records_.push_back(record);
  return max_bound;
}

// Walks over all varints, also those of short lists, to be sure that they are as many as the tfs
// say.
void EncodedTerms::AppendPositions(const TermPostings& term) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(term.positions.data());
  const uint8_t* const end = begin + term.positions.size();
  const uint8_t* at = begin;
  ByteWriter writer(positions_);
  for (size_t first = 0; first < term.docs.size(); first += kPositionBlockPostings) {
    if (term.docs.size() > kPositionBlockPostings) writer.U32(static_cast<uint32_t>(at - begin));
    uint64_t occurrences = 0;
    for (const TermFrequency tf : term.tfs.subspan(first, kPositionBlockPostings)) {
      CHECK(tf > 0);
      occurrences += tf;
    }
    at = SkipVarints(at, end, occurrences);
    CHECK(at != nullptr);
  }
  CHECK(at == end);
  writer.Bytes(term.positions);
}

size_t EncodedTerms::MemoryBytes() const {
  return records_.capacity() * sizeof(Record) + terms_.capacity() + postings_.capacity() +
         positions_.capacity() + field_dfs_.capacity() * sizeof(field_dfs_[0]);
}

}  // namespace canopy
