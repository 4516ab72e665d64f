#include "rpc/grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

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

void ForwardProtobufLog() {
  google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel level, const char* file, int line, const std::string& message) {
        const LogFields fields = {{"file", file}, {"line", line}, {"message", message}};
        if (level == google::protobuf::LOGLEVEL_INFO) {
          LogInfo("protobuf", fields);
        } else if (level == google::protobuf::LOGLEVEL_WARNING) {
          LogWarning("protobuf", fields);
        } else {
          LogError("protobuf", fields);
        }
      });
}

}  // namespace canopy
