// The one way in which every source reports a record that it skips.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "corpus/document_source.h"

namespace canopy {

// What options.on_bad_record says; OK when there is none.
inline absl::Status ReportBadRecord(const SourceOptions& options, const std::string& file,
                                    uint64_t line, std::string reason) {
  if (!options.on_bad_record) return absl::OkStatus();
  return options.on_bad_record(BadRecord{file, line, std::move(reason)});
}

}  // namespace canopy
