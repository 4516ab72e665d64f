// The libraries' own log lines, written through ours.
#pragma once

namespace canopy {

// What gRPC reports as an error is a warning, the rest goes to level debug: whatever matters to a
// call or to a server's start comes back as its status, with an address and in words for users.
// Called once in main, before gRPC is used.
void ForwardGrpcLog();

// Protobuf's, at their own levels. Called once in main, before messages are used.
void ForwardProtobufLog();

}  // namespace canopy
