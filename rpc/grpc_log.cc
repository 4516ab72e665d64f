#include "rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "base/log.h"

namespace canopy {

void ForwardGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    LogDebug("grpc", {{"severity", gpr_log_severity_string(line->severity)},
                      {"file", line->file},
                      {"line", line->line},
                      {"message", line->message}});
  });
}

}  // namespace canopy
