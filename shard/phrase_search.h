// Searches for one phrase: the documents that have all its terms are decided by their positions.
// Counting decides all of them. Where only the k best are wanted, words are passed over that cannot
// reach the k-th score by the smallest of the terms' bounds, and a document is looked at only if
// its rarest term occurs often enough. (In document order: in that of the bounds, positions are
// read here and there, which costs more than the higher k-th score saves.)
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "shard/phrase_leaf.h"
#include "shard/poll.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/top_k.h"

namespace canopy {

// The number of matches; those that can be among the k of `best` are offered to it, unless it is
// null. CANCELLED, DEADLINE_EXCEEDED, DATA_LOSS (damaged positions).
absl::StatusOr<uint64_t> CountPhrase(const ShardFile& shard, PhraseLeaf& phrase, Poll& poll,
                                     SearchScratch& scratch, TopK* best);

// Bounds say something about this phrase.
bool CanPrunePhrase(const PhraseLeaf& phrase);

// Offers to `best` every match that can be among its k. Errors as above. REQUIRES:
// CanPrunePhrase(phrase).
absl::Status FindBestPhrases(const ShardFile& shard, PhraseLeaf& phrase, Poll& poll,
                             SearchScratch& scratch, TopK& best);

}  // namespace canopy
