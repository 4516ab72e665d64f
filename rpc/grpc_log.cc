#include "rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "base/log.h"

namespace canopy {

void ForwardGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    const LogFields fields = {
        {"file", line->file}, {"line", line->line}, {"message", line->message}};
    if (line->severity == GPR_LOG_SEVERITY_ERROR) {
      LogWarning("grpc", fields);
    } else {
      LogDebug("grpc", fields);
    }
  });
}

}  // namespace canopy
