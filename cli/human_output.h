// Answers for people, as text. Everything that came from documents or servers is cleaned of what
// could steer a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"
#include "cli/terminal_text.h"
#include "text/analyzer.h"

namespace canopy {

struct HumanSearchOptions {
  Markup markup = kPlainMarkup;
  uint64_t client_us = 0;  // measured around the call
  uint32_t offset = 0;     // number of the first hit
  bool trace = false;
  TerminalShape shape = {};      // for the trace
  Analyzer* analyzer = nullptr;  // the collection's; null: nothing is marked
};

// Numbered hits with title, id, score and a snippet, then total, time and coverage; with trace the
// attempts and where the time went.
std::string HumanSearch(const v1::SearchResponse& response, const HumanSearchOptions& options);
// "1,234 matches in 2.10 ms, 3.40 ms with the connection", and what is missing when something is.
std::string HumanCount(const v1::SearchResponse& response, uint64_t client_us);
std::string HumanStatus(const v1::ClusterStatus& status);

}  // namespace canopy
