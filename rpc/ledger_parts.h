// The parts of a query's ledger as a list, for everything that treats them alike: the sum, the
// metrics, what people and programs are shown. A part that is added to the message is in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "canopy/v1/search.pb.h"

namespace canopy {

struct LedgerPart {
  std::string_view name;  // as in the message, without the unit: "leaf_queue"; lives for ever
  uint64_t us = 0;
};

// All but the total, in the order of a query's way; the last is "unaccounted".
std::vector<LedgerPart> LedgerParts(const v1::Ledger& ledger);

}  // namespace canopy
