// The lines of a "search benchmark game" query file: `+a +b` (all of), `a b` (any of), `"a b"`
// (phrase), `a` (term). The peers read the same files, so the classes are told apart exactly as
// they do it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "shard/query.h"
#include "text/analyzer.h"

namespace canopy {

enum class GameClass { kTerm, kIntersection, kUnion, kPhrase };

std::string_view GameClassName(GameClass query_class);

struct GameQuery {
  std::string line;
  GameClass query_class = GameClass::kTerm;
  std::vector<std::string> terms;  // analyzed, in order; may be empty
};

// The class goes by the first character, `+` or `"`, else by the number of terms.
GameQuery ParseGameQuery(std::string_view line, Analyzer& analyzer);

// One query a line; empty lines are left out. INVALID_ARGUMENT: there is none, or one has a tab.
absl::StatusOr<std::vector<GameQuery>> ParseGameQueries(std::string_view file, Analyzer& analyzer);

// What a shard executes. Part of the time that the game measures, as building a query object is
// with the peers.
ShardQuery MakeShardQuery(const GameQuery& query);

}  // namespace canopy
