// How simulated runs and plans are printed: for people, and as one JSON object on one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "simulator/options.h"
#include "simulator/planner.h"
#include "simulator/report.h"

namespace canopy {

// One run: what was simulated, and what came of it.
struct SimulationRow {
  ClusterShape cluster;
  HedgeMode hedge = HedgeMode::kOff;
  SimulationReport report;
};

std::string HumanSimulation(const std::vector<SimulationRow>& rows, std::string_view model);
std::string SimulationJson(const std::vector<SimulationRow>& rows, std::string_view model);

// `assumptions`: sentences.
std::string HumanPlan(const PlanRequest& request, const Plan& plan,
                      const std::vector<std::string>& assumptions);
std::string PlanJson(const PlanRequest& request, const Plan& plan,
                     const std::vector<std::string>& assumptions);

}  // namespace canopy
