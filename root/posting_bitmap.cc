#include "root/posting_bitmap.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/types/span.h"
#include "base/status.h"
#include "root/roaring_format.h"

namespace canopy {
namespace {

using Operands = std::vector<const Roaring*>;

Roaring Union(const Operands& operands) {
  Operands inputs = operands;  // the library asks for a list that it might change
  return Roaring::fastunion(inputs.size(), inputs.data());
}

// Smallest first, so that what follows works on little.
Roaring Intersection(const Operands& operands) {
  std::vector<std::pair<uint64_t, const Roaring*>> by_size;
  for (const Roaring* operand : operands) by_size.emplace_back(operand->cardinality(), operand);
  std::sort(by_size.begin(), by_size.end());
  if (by_size.size() == 1) return *by_size[0].second;
  Roaring result = *by_size[0].second & *by_size[1].second;
  for (size_t i = 2; i < by_size.size() && !result.isEmpty(); ++i) result &= *by_size[i].second;
  return result;
}

// For every document the number of operands that have it, bit by bit: planes[i] is the documents
// whose number has bit i.
std::vector<Roaring> CountOperands(const Operands& operands) {
  std::vector<Roaring> planes;
  for (const Roaring* operand : operands) {
    Roaring carry = *operand;
    for (size_t i = 0; !carry.isEmpty(); ++i) {
      if (i == planes.size()) planes.emplace_back();
      Roaring next = planes[i] & carry;
      planes[i] ^= carry;
      carry = std::move(next);
    }
  }
  return planes;
}

Roaring AtLeast(uint32_t needed, const Operands& operands) {
  if (needed == 1) return Union(operands);
  if (needed == operands.size()) return Intersection(operands);
  const std::vector<Roaring> planes = CountOperands(operands);
  if (planes.size() < 32 && needed >> planes.size() != 0) return Roaring();
  // From the top bit down: numbers that are more than `needed` already, and those that have all of
  // its bits so far.
  Roaring more;
  Roaring same = Union(operands);
  for (size_t i = planes.size(); i-- > 0;) {
    if ((needed >> i & 1) != 0) {
      same &= planes[i];
    } else {
      more |= same & planes[i];
    }
  }
  more |= same;
  return more;
}

class Evaluation final {
 public:
  explicit Evaluation(absl::Span<const Roaring> bitmaps) : bitmaps_(bitmaps) {}

  Roaring Of(const TermExpression& expression) {
    switch (expression.kind) {
      case TermExpression::Kind::kNone:
        return Roaring();
      case TermExpression::Kind::kNode:
        return bitmaps_[expression.node];
      case TermExpression::Kind::kBoolean:
        return OfBoolean(expression);
    }
    return Roaring();
  }

 private:
  Roaring OfBoolean(const TermExpression& boolean) {
    std::deque<Roaring> made;
    Operands required = All(boolean.must, made);
    if (boolean.needed > 0) {
      required.push_back(&made.emplace_back(AtLeast(boolean.needed, All(boolean.should, made))));
    }
    Roaring result = Intersection(required);
    for (const Roaring* excluded : All(boolean.must_not, made)) result -= *excluded;
    return result;
  }

  // Those of nodes as they are, others made and kept in `made`.
  Operands All(const std::vector<TermExpression>& expressions, std::deque<Roaring>& made) {
    Operands operands;
    for (const TermExpression& expression : expressions) {
      const bool is_node = expression.kind == TermExpression::Kind::kNode;
      operands.push_back(is_node ? &bitmaps_[expression.node] : &made.emplace_back(Of(expression)));
    }
    return operands;
  }

  const absl::Span<const Roaring> bitmaps_;
};

}  // namespace

absl::StatusOr<Roaring> ReadPostingBitmap(std::string_view bytes, uint64_t docs) {
  RETURN_IF_ERROR(CheckRoaring(bytes, docs));
  // Not Roaring::readSafe, which would throw.
  roaring_bitmap_t* const bitmap =
      roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (bitmap == nullptr) return absl::DataLossError("bitmap: CRoaring cannot read it");
  return Roaring(bitmap);
}

Roaring Evaluate(const TermExpression& expression, std::vector<Roaring> bitmaps) {
  if (expression.kind == TermExpression::Kind::kNode) return std::move(bitmaps[expression.node]);
  return Evaluation(bitmaps).Of(expression);
}

std::vector<DocId> DocsOf(const Roaring& bitmap, uint32_t offset, uint32_t k) {
  std::vector<DocId> docs;
  uint32_t place = 0;
  for (auto doc = bitmap.begin(); doc != bitmap.end() && docs.size() < k; ++doc, ++place) {
    if (place >= offset) docs.push_back(*doc);
  }
  return docs;
}

}  // namespace canopy
