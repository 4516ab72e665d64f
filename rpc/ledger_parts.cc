#include "rpc/ledger_parts.h"

#include <google/protobuf/descriptor.h>

namespace canopy {
namespace {

constexpr std::string_view kUnit = "_us";

}  // namespace

std::vector<LedgerPart> LedgerParts(const v1::Ledger& ledger) {
  const auto& type = *v1::Ledger::descriptor();
  std::vector<LedgerPart> parts;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (field.number() == v1::Ledger::kTotalUsFieldNumber) continue;
    const std::string_view name = field.name();
    parts.push_back({.name = name.substr(0, name.size() - kUnit.size()),
                     .us = ledger.GetReflection()->GetUInt64(ledger, &field)});
  }
  return parts;
}

}  // namespace canopy
