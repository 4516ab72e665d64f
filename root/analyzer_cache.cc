#include "root/analyzer_cache.h"

#include "base/status.h"

namespace canopy {

absl::StatusOr<Analyzer*> AnalyzerCache::Get(const std::string& name, uint32_t version) {
  std::unique_ptr<Analyzer>& analyzer = analyzers_[{name, version}];
  if (analyzer == nullptr) {
    ASSIGN_OR_RETURN(analyzer, Analyzer::Create(name, version));
  }
  return analyzer.get();
}

}  // namespace canopy
