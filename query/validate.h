// Checks of query trees that come from outside: clients may send trees instead of texts.
#pragma once

#include "absl/status/status.h"
#include "canopy/v1/query.pb.h"

namespace canopy {

// INVALID_ARGUMENT: deeper than kMaxQueryDepth, more than kMaxQueryClauses nodes, more than
// kMaxQueryBytes bytes of text. Everything else in query/ requires a tree that passed.
absl::Status CheckQuerySize(const v1::Query& query);

// A tree of raw texts, as clients send it. INVALID_ARGUMENT: as CheckQuerySize, a node without a
// kind or without its inner query, a term without text, a phrase with terms (those are for leaves),
// a boost or constant score that is not from 0 to kMaxBoost, slop over kMaxPhraseSlop, a
// minimum_should_match that no document can reach or that asks for nothing. UNIMPLEMENTED, with its
// name: a kind of query that is not built yet.
absl::Status ValidateQuery(const v1::Query& query);

}  // namespace canopy
