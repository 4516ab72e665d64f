// The bitmaps of a query that is scattered by term, and their algebra: CRoaring's, on bytes that
// CheckRoaring (roaring_format.h) has found sound.
#pragma once

#include <cstdint>
#include <roaring/roaring.hh>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "root/term_plan.h"

namespace canopy {

// DATA_LOSS as CheckRoaring.
absl::StatusOr<Roaring> ReadPostingBitmap(std::string_view bytes, uint64_t docs);

// What the expression matches. `bitmaps`: one a node of the plan. The work is at most in proportion
// to the bytes of the bitmaps, each counted TermNode::weight times.
Roaring Evaluate(const TermExpression& expression, std::vector<Roaring> bitmaps);

// Documents `offset` to `offset` + `k` of the set, ascending.
std::vector<DocId> DocsOf(const Roaring& bitmap, uint32_t offset, uint32_t k);

}  // namespace canopy
