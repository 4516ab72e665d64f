// Text of a tree, in the query language: the canonical text, stable between versions, for cache
// keys, logs and tests.
#pragma once

#include <string>

#include "canopy/v1/query.pb.h"

namespace canopy {

// For every valid tree (validate.h) of raw texts: ParseQuery(ToText(query)) == Canonical(query). So
// two trees with one text mean the same. REQUIRES: depth at most kMaxQueryDepth. PhraseQuery.terms
// (analyzed trees) are not written.
std::string ToText(const v1::Query& query);

}  // namespace canopy
