#include "shard/query.h"

#include <utility>

namespace canopy {

ShardQuery ShardQuery::Term(std::string term, std::string field) {
  ShardQuery query;
  query.kind = Kind::kTerm;
  query.terms.push_back(std::move(term));
  query.field = std::move(field);
  return query;
}

ShardQuery ShardQuery::Phrase(std::vector<std::string> terms, uint32_t slop, std::string field) {
  ShardQuery query;
  query.kind = Kind::kPhrase;
  query.terms = std::move(terms);
  query.slop = slop;
  query.field = std::move(field);
  return query;
}

ShardQuery ShardQuery::AnyOf(std::vector<ShardQuery> should) {
  ShardQuery query;
  query.kind = Kind::kBoolean;
  query.should = std::move(should);
  return query;
}

ShardQuery ShardQuery::AllOf(std::vector<ShardQuery> must) {
  ShardQuery query;
  query.kind = Kind::kBoolean;
  query.must = std::move(must);
  return query;
}

ShardQuery ShardQuery::MatchAll() {
  ShardQuery query;
  query.kind = Kind::kMatchAll;
  return query;
}

ShardQuery ShardQuery::ConstantScore(ShardQuery inner, float score) {
  ShardQuery query;
  query.kind = Kind::kConstantScore;
  query.must.push_back(std::move(inner));
  query.constant_score = score;
  return query;
}

}  // namespace canopy
