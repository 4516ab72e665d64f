// One tree for each meaning: rewrites that change neither matches nor scores, so that queries that
// differ only in how they were written become equal (for cache keys, and for the property that
// ParseQuery undoes ToText).
#pragma once

#include "canopy/v1/query.pb.h"

namespace canopy {

// - A boolean of one must or should clause is that clause; one without must, should and filter is
//   match_none.
// - minimum_should_match is unset where it has its default value.
// - A must clause of constant score 0 is a filter clause.
// - A boost of 1 is dropped; a boost and a score of -0 are 0.
// - A wildcard pattern escapes only * ? and \; with a * only at its end it is a prefix; "*" alone
//   is exists, or match_all without a field.
// - A range without a bound is not exclusive there.
//
// The order of clauses is kept. REQUIRES: depth at most kMaxQueryDepth (validate.h).
v1::Query Canonical(v1::Query query);

// The same for one node whose clauses are canonical.
v1::Query CanonicalBoolean(v1::BooleanQuery boolean);
v1::Query CanonicalBoost(v1::Query inner, float factor);
v1::Query CanonicalConstantScore(v1::Query inner, float score);

}  // namespace canopy
