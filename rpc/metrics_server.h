// Serves a process's metrics over HTTP, at /metrics, in Prometheus's text format. Beside the data
// path: one thread of its own, few connections, a time limit for each. (prometheus-cpp's own
// Exposer takes up to two seconds to stop, longer than a process may take to drain.)
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

// Thread safety: address() from any thread, the rest from one.
class MetricsServer final {
 public:
  // Connections that are held at once; more wait in the system's backlog.
  static constexpr size_t kMaxConnections = 8;

  // Called for every scrape, on the server's thread.
  using Collect = std::function<std::vector<prometheus::MetricFamily>()>;

  // `address`: HOST:PORT, port 0: any free one. INVALID_ARGUMENT: another form. UNAVAILABLE: it
  // cannot be listened on.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              Collect collect);
  // Ends the connections. `collect` does not run any more.
  ~MetricsServer();

  // With the port that was chosen.
  const std::string& address() const { return address_; }

 private:
  class Impl;
  MetricsServer(std::unique_ptr<Impl> impl, std::string address);

  const std::unique_ptr<Impl> impl_;
  const std::string address_;
};

}  // namespace canopy
