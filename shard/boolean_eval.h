// Which documents of a chunk a query tree matches, and what they score: bitsets are combined node
// by node, scores are added up leaf by leaf over the matches. Any shape of query; every match is
// scored. In a query's flow: where queries go that the fast ways do not take, and the plain way
// that those are compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shard/chunk_matcher.h"
#include "shard/poll.h"
#include "shard/query_tree.h"
#include "shard/search_scratch.h"
#include "shard/set_kernels.h"
#include "shard/shard_file.h"

namespace canopy {

// Errors of its members: CANCELLED, DEADLINE_EXCEEDED, DATA_LOSS (damaged positions).
// Thread safety: one thread. Lifetime: borrows the shard, the tree, the poll and the scratch
// memory.
class BooleanEvaluator final {
 public:
  BooleanEvaluator(const ShardFile& shard, QueryTree& tree, Poll& poll, SearchScratch& scratch)
      : shard_(shard),
        root_(tree.root()),
        kernels_(CurrentSetKernels()),
        scratch_(scratch),
        poll_(poll) {}

  // The live matches in `chunk`.
  absl::Status Match(uint32_t chunk, ChunkBits& matches);

  // Adds the scores of `matches`, which Match gave for this chunk, to `scores`, an entry for each
  // document of the chunk.
  absl::Status Score(uint32_t chunk, const ChunkBits& matches, FixedScore* scores);

 private:
  // A buffer that goes back to the pool.
  class Buffer final {
   public:
    explicit Buffer(BooleanEvaluator& owner);
    ~Buffer();
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    uint64_t* words() { return bits_->words.data(); }

   private:
    BooleanEvaluator& owner_;
    std::unique_ptr<ChunkBits> bits_;
  };

  absl::Status Stop(size_t work);
  bool Empty(const uint64_t* bits) const { return kernels_.count(bits) == 0; }

  // bits = the documents of `bits` that the node matches.
  absl::Status Narrow(QueryNode& node, uint64_t* bits);
  absl::Status NarrowToTerm(const QueryNode& node, uint64_t* bits);
  absl::Status NarrowToPhrase(QueryNode& node, uint64_t* bits);
  absl::Status NarrowToBoolean(QueryNode& node, uint64_t* bits);
  absl::Status NarrowToShould(QueryNode& node, uint64_t* bits);
  absl::Status NarrowToSeveralOfShould(QueryNode& node, uint64_t* bits);
  // out |= the documents of `within` that the node matches, or, for terms, any that it matches.
  absl::Status AddMatches(QueryNode& node, const uint64_t* within, uint64_t* out);
  absl::Status DecidePhrase(QueryNode& node, const uint16_t* docs, size_t n);

  // Adds the node's scores for the documents of `mask`; all_match: the node matches all of them.
  absl::Status AddScores(QueryNode& node, const uint64_t* mask, bool all_match);
  absl::Status AddTermScores(const QueryNode& node, const uint64_t* mask);
  absl::Status AddPhraseScores(QueryNode& node, const uint64_t* mask);
  absl::Status AddBooleanScores(QueryNode& node, const uint64_t* mask, bool all_match);
  absl::Status AddConstant(FixedScore constant, const uint64_t* mask);

  const ShardFile& shard_;
  QueryNode& root_;
  const SetKernels& kernels_;
  SearchScratch& scratch_;
  Poll& poll_;
  std::vector<std::unique_ptr<ChunkBits>> pool_;
  uint32_t chunk_ = 0;
  FixedScore* scores_ = nullptr;
};

}  // namespace canopy
