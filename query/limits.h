// What a query may cost before it is looked at: named limits, checked by the parser (parser.h) for
// texts and by validate.h for trees.
#pragma once

#include <cstddef>
#include <cstdint>

namespace canopy {

// Of the text; of a tree all texts, patterns, bounds and field names together.
inline constexpr size_t kMaxQueryBytes = 1 << 20;
// Nodes of the tree: words, phrases, groups, boosts, ...; and terms after analysis. A root parses
// and plans on its only thread, where this many words take about 10 ms.
inline constexpr size_t kMaxQueryClauses = 16384;
// Nodes from the root of the tree to a leaf, and nested parentheses of a text. protobuf reads at
// most 100 nested messages and a Query node takes two (Query, then its kind), so a deeper tree
// could not travel to a leaf.
inline constexpr size_t kMaxQueryDepth = 48;
inline constexpr float kMaxBoost = 1000;
inline constexpr uint32_t kMaxPhraseSlop = 1'000'000;
inline constexpr uint32_t kMaxFuzzyEdits = 2;

}  // namespace canopy
