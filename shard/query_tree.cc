#include "shard/query_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status.h"
#include "shard/query_scope.h"

namespace canopy {
namespace {

// Cheaper first: each is evaluated only where those before it match.
int Cost(const QueryNode& node) {
  switch (node.kind) {
    case QueryNode::Kind::kPhrase:
      return 2;
    case QueryNode::Kind::kBoolean:
    case QueryNode::Kind::kConstant:
      return 1;
    default:
      return 0;
  }
}

void CheapFirst(std::vector<QueryNode>& nodes) {
  std::stable_sort(nodes.begin(), nodes.end(), [](const QueryNode& a, const QueryNode& b) {
    if (Cost(a) != Cost(b)) return Cost(a) < Cost(b);
    return a.kind == QueryNode::Kind::kTerm && b.kind == QueryNode::Kind::kTerm &&
           a.postings->df() < b.postings->df();
  });
}

bool AnyMatchesNothing(const std::vector<QueryNode>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const QueryNode& node) { return node.kind == QueryNode::Kind::kNone; });
}

void DropThoseThatMatchNothing(std::vector<QueryNode>& nodes) {
  nodes.erase(
      std::remove_if(nodes.begin(), nodes.end(),
                     [](const QueryNode& node) { return node.kind == QueryNode::Kind::kNone; }),
      nodes.end());
}

}  // namespace

absl::StatusOr<std::unique_ptr<QueryTree>> QueryTree::Make(const ShardFile& shard,
                                                           const ShardQuery& query, Poll& poll) {
  std::unique_ptr<QueryTree> tree(new QueryTree(shard));
  ASSIGN_OR_RETURN(tree->root_, tree->MakeNode(query, 1, poll));
  return tree;
}

const LengthNorms& QueryTree::Norms(const std::string& field) {
  const auto [place, fresh] = norms_.try_emplace(field);
  if (fresh) {
    const CollectionStats& stats = shard_.stats();
    place->second = LengthNorms::Make(stats.k1, stats.b, ScopeAverageLength(stats, field));
  }
  return place->second;
}

absl::StatusOr<QueryNode> QueryTree::MakeNode(const ShardQuery& query, float boost, Poll& poll) {
  boost *= query.boost;
  QueryNode node;
  switch (query.kind) {
    case ShardQuery::Kind::kTerm:
    case ShardQuery::Kind::kPhrase: {
      if (query.terms.empty()) return node;
      const bool needs_positions =
          query.terms.size() > 1 || (!query.field.empty() && shard_.has_field_spans());
      if (!needs_positions) return MakeTerm(query, boost);
      ASSIGN_OR_RETURN(node.phrase, PhraseLeaf::Make(shard_, query, boost, poll));
      if (node.phrase == nullptr) return node;
      cost_ += node.phrase->postings();
      node.kind = QueryNode::Kind::kPhrase;
      return node;
    }
    case ShardQuery::Kind::kBoolean:
      return MakeBoolean(query, boost, poll);
    case ShardQuery::Kind::kMatchAll:
      cost_ += shard_.docs();
      node.kind = QueryNode::Kind::kAll;
      node.constant = RoundToFixed(boost);
      return node;
    case ShardQuery::Kind::kMatchNone:
      return node;
    case ShardQuery::Kind::kConstantScore:
      RETURN_IF_ERROR(MakeNodes(query.must, 1, poll, node.must));
      if (AnyMatchesNothing(node.must)) return QueryNode();
      node.kind = QueryNode::Kind::kConstant;
      node.constant = RoundToFixed(boost * query.constant_score);
      return node;
  }
  return node;
}

absl::StatusOr<QueryNode> QueryTree::MakeTerm(const ShardQuery& query, float boost) {
  QueryNode node;
  ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard_.FindTerm(query.terms[0]));
  if (!info) return node;
  cost_ += info->df;
  node.kind = QueryNode::Kind::kTerm;
  node.weight = boost * Idf(shard_.stats().docs, info->global_df);
  node.norms = &Norms(query.field);
  ASSIGN_OR_RETURN(PostingList postings, shard_.Postings(*info));
  node.postings = &postings_.emplace_back(std::move(postings));
  return node;
}

absl::StatusOr<QueryNode> QueryTree::MakeBoolean(const ShardQuery& query, float boost, Poll& poll) {
  QueryNode node;
  const bool optional_only = query.must.empty() && query.filter.empty();
  if (optional_only && query.should.empty()) return node;
  node.needed = query.minimum_should_match.value_or(optional_only ? 1 : 0);
  RETURN_IF_ERROR(MakeNodes(query.must, boost, poll, node.must));
  RETURN_IF_ERROR(MakeNodes(query.filter, boost, poll, node.filter));
  RETURN_IF_ERROR(MakeNodes(query.should, boost, poll, node.should));
  RETURN_IF_ERROR(MakeNodes(query.must_not, boost, poll, node.must_not));
  if (AnyMatchesNothing(node.must) || AnyMatchesNothing(node.filter)) return QueryNode();
  DropThoseThatMatchNothing(node.should);
  DropThoseThatMatchNothing(node.must_not);
  if (node.needed > node.should.size()) return QueryNode();
  CheapFirst(node.must);
  CheapFirst(node.filter);
  node.kind = QueryNode::Kind::kBoolean;
  return node;
}

absl::Status QueryTree::MakeNodes(const std::vector<ShardQuery>& queries, float boost, Poll& poll,
                                  std::vector<QueryNode>& nodes) {
  nodes.reserve(queries.size());
  for (const ShardQuery& query : queries) {
    if (poll.ShouldStop(kFindTermWork)) return poll.status();
    ASSIGN_OR_RETURN(QueryNode node, MakeNode(query, boost, poll));
    nodes.push_back(std::move(node));
  }
  return absl::OkStatus();
}

}  // namespace canopy
