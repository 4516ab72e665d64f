#include "leaf/posting_bitmap.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/status.h"
#include "leaf/roaring_writer.h"
#include "shard/boolean_eval.h"
#include "shard/poll.h"
#include "shard/query_tree.h"
#include "shard/query_validation.h"
#include "shard/search_scratch.h"
#include "shard/set_kernels.h"

namespace canopy {
namespace {

// The matches are the term's postings, all of them.
bool IsPostings(const ShardFile& shard, const ShardQuery& query) {
  return query.kind == ShardQuery::Kind::kTerm && shard.live_docs() == nullptr &&
         (query.field.empty() || !shard.has_field_spans());
}

absl::Status AddPostings(const ShardFile& shard, const ShardQuery& query, Poll& poll,
                         RoaringWriter& writer) {
  ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard.FindTerm(query.terms[0]));
  if (!info) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PostingList postings, shard.Postings(*info));
  for (const ContainerView& container : postings.containers()) {
    if (poll.ShouldStop(container.cardinality)) return poll.status();
    if (container.bitset != nullptr) {
      RETURN_IF_ERROR(writer.AddBitset(container.chunk, container.bitset, container.cardinality));
    } else {
      RETURN_IF_ERROR(writer.AddArray(container.chunk,
                                      absl::MakeConstSpan(container.array, container.cardinality)));
    }
  }
  return absl::OkStatus();
}

absl::Status AddMatches(const ShardFile& shard, const ShardQuery& query, Poll& poll,
                        RoaringWriter& writer) {
  ASSIGN_OR_RETURN(const std::unique_ptr<QueryTree> tree, QueryTree::Make(shard, query, poll));
  if (tree->root().kind == QueryNode::Kind::kNone) return absl::OkStatus();
  BooleanEvaluator evaluator(shard, *tree, poll, ThreadSearchScratch());
  const auto matches = std::make_unique<ChunkBits>();
  for (uint32_t chunk = 0; chunk < shard.num_chunks(); ++chunk) {
    RETURN_IF_ERROR(evaluator.Match(chunk, *matches));
    const uint32_t count = CurrentSetKernels().count(matches->words.data());
    if (count == 0) continue;
    RETURN_IF_ERROR(writer.AddBitset(static_cast<uint16_t>(chunk), matches->words.data(), count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakePostingBitmap(const ShardFile& shard, const ShardQuery& query,
                                              size_t max_bytes, const Cancellation* cancellation) {
  Poll poll(cancellation);
  if (poll.ShouldStop(0)) return poll.status();
  RETURN_IF_ERROR(ValidateQuery(shard, query));
  RoaringWriter writer(max_bytes);
  RETURN_IF_ERROR(IsPostings(shard, query) ? AddPostings(shard, query, poll, writer)
                                           : AddMatches(shard, query, poll, writer));
  return std::move(writer).Finish();
}

}  // namespace canopy
