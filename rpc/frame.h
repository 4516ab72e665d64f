// The wire format between a root and a leaf, and of our own clients to a root: frames, each a
// header and a payload. Messages are protobufs; one that is longer than a frame travels in several,
// between which frames of other calls have their turn.
//
//   kind    what                     code            call   number            payload
//   hello   first, from either side                                           kFrameGreeting
//   request from the client          FrameMethod      its id us for the call   the request
//   cancel  from the client                          its id
//   reply   from the server          absl's code     its id                   response, or message
//   ping, pong                                       any, comes back
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace canopy {

enum class FrameKind : uint8_t {
  kHello = 1,  // no connection of HTTP begins with this byte
  kRequest = 2,
  kCancel = 3,
  kReply = 4,
  kPing = 5,
  kPong = 6,
};

enum class FrameMethod : uint8_t {
  // Of a leaf.
  kSearch = 1,
  kFetch = 2,
  kPostings = 3,
  kStatus = 4,
  kReload = 5,
  kDrain = 6,
  // Of a root.
  kRootSearch = 16,
  kRootStatus = 17,
};

// Both sides speak exactly this.
inline constexpr std::string_view kFrameGreeting = "canopy frames 1";

inline constexpr size_t kFrameHeaderBytes = 24;
inline constexpr size_t kMaxFrameBytes = 64 << 10;  // of a payload
inline constexpr uint16_t kFrameMore = 1;           // flag: the message goes on in a later frame

// On the wire: kind, code, flags (2 bytes), bytes (4), call (8), number (8), little-endian.
struct FrameHeader {
  FrameKind kind = FrameKind::kPing;
  uint8_t code = 0;
  uint16_t flags = 0;
  uint32_t bytes = 0;  // of the payload
  uint64_t call = 0;
  uint64_t number = 0;
};

std::array<char, kFrameHeaderBytes> EncodeFrameHeader(const FrameHeader& header);

// INVALID_ARGUMENT: no such kind, or more than kMaxFrameBytes. REQUIRES: kFrameHeaderBytes bytes.
absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes);

}  // namespace canopy
