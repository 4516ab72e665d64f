#include "base/checksum.h"

#include <xxhash.h>

#include "base/check.h"

namespace canopy {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

ChecksumStream::ChecksumStream() : state_(XXH3_createState()) {
  CHECK(state_ != nullptr);
  CHECK(XXH3_64bits_reset(state_.get()) == XXH_OK);
}

void ChecksumStream::Update(std::string_view bytes) {
  if (bytes.empty()) return;
  CHECK(XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()) == XXH_OK);
}

uint64_t ChecksumStream::Digest() const { return XXH3_64bits_digest(state_.get()); }

void ChecksumStream::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

}  // namespace canopy
