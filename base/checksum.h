// XXH3-64, the checksum of every section, file and table of an index. It finds damage; it does not
// stop an attacker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

struct XXH3_state_s;

namespace canopy {

uint64_t Checksum(std::string_view bytes);

// The checksum of bytes that arrive in parts: however they are cut, the digest is Checksum() of all
// of them. Thread safety: none; one object a thread.
class ChecksumStream final {
 public:
  ChecksumStream();

  void Update(std::string_view bytes);
  // Of all bytes so far; more may follow.
  uint64_t Digest() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace canopy
