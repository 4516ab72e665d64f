// The libraries' own log lines, written through ours.
#pragma once

namespace canopy {

// What gRPC reports as an error goes to the log at level debug: whatever matters of it comes back
// as the status of a call or of a server's start, with an address and in words for users. Called
// once in main, before gRPC is used.
void ForwardGrpcLog();

// Protobuf's, at their own levels. Called once in main, before messages are used.
void ForwardProtobufLog();

}  // namespace canopy
