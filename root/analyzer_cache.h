// The analyzers of the generations that are being asked.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "text/analyzer.h"

namespace canopy {

// Thread safety: one thread, as Analyzer.
class AnalyzerCache final {
 public:
  // Made once. Errors as Analyzer::Create. Lifetime of the result: this object's.
  absl::StatusOr<Analyzer*> Get(const std::string& name, uint32_t version);

 private:
  std::map<std::pair<std::string, uint32_t>, std::unique_ptr<Analyzer>> analyzers_;
};

}  // namespace canopy
