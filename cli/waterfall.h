// The calls of a traced query drawn over time, and its ledger: what `canopy search --trace` shows.
#pragma once

#include <string>

#include "canopy/v1/search.pb.h"
#include "cli/terminal_text.h"

namespace canopy {

// A line for each attempt, with a bar from its start to its end: wire, queue (light), execution
// (dark), wire; where in the call the wire's time was is not known, so that half of it stands at
// each end. Reasons are listed below, each once. Of very many attempts the slowest, and what the
// others were. Every line but a reason fits into the width, if that is 80 or more.
std::string AttemptsWaterfall(const v1::SearchResponse& response, const TerminalShape& shape);

// A line for each part that took time, with its share and its place in the whole.
std::string LedgerBars(const v1::Ledger& ledger, const TerminalShape& shape);

}  // namespace canopy
