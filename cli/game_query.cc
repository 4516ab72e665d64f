#include "cli/game_query.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace canopy {

std::string_view GameClassName(GameClass query_class) {
  switch (query_class) {
    case GameClass::kTerm:
      return "term";
    case GameClass::kIntersection:
      return "intersection";
    case GameClass::kUnion:
      return "union";
    case GameClass::kPhrase:
      return "phrase";
  }
  return "";
}

GameQuery ParseGameQuery(std::string_view line, Analyzer& analyzer) {
  GameQuery query;
  query.line = std::string(line);
  query.terms = analyzer.Terms(line);
  if (line.starts_with('+')) {
    query.query_class = GameClass::kIntersection;
  } else if (line.starts_with('"')) {
    query.query_class = GameClass::kPhrase;
  } else {
    query.query_class = query.terms.size() == 1 ? GameClass::kTerm : GameClass::kUnion;
  }
  return query;
}

absl::StatusOr<std::vector<GameQuery>> ParseGameQueries(std::string_view file, Analyzer& analyzer) {
  std::vector<GameQuery> queries;
  for (size_t number = 1; !file.empty(); ++number) {
    std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(file.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\t') != std::string_view::npos) {
      return absl::InvalidArgumentError(
          Concat("line ", number, ": a tab, which separates the columns of the output"));
    }
    if (!line.empty()) queries.push_back(ParseGameQuery(line, analyzer));
  }
  if (queries.empty()) return absl::InvalidArgumentError("no query in it");
  return queries;
}

ShardQuery MakeShardQuery(const GameQuery& query) {
  if (query.terms.empty()) return ShardQuery{};
  switch (query.query_class) {
    case GameClass::kTerm:
      return ShardQuery::Term(query.terms[0]);
    case GameClass::kPhrase:
      return ShardQuery::Phrase(query.terms);
    case GameClass::kIntersection:
    case GameClass::kUnion:
      break;
  }
  std::vector<ShardQuery> clauses;
  clauses.reserve(query.terms.size());
  for (const std::string& term : query.terms) clauses.push_back(ShardQuery::Term(term));
  return query.query_class == GameClass::kUnion ? ShardQuery::AnyOf(std::move(clauses))
                                                : ShardQuery::AllOf(std::move(clauses));
}

}  // namespace canopy
