// CRC-32C (polynomial 0x1EDC6F41, reflected), and the form in which TensorFlow
// stores it.
#pragma once

#include <cstdint>
#include <string_view>

#include "trainer/job/crc32.h"

namespace atelier::trainer {

inline uint32_t Crc32c(std::string_view bytes) {
  return Crc32<0x82F63B78u>(bytes);
}

// Rotated and shifted, so that a checksum of data that holds checksums is none
// of the usual ones. Source: TensorFlow, tsl/lib/hash/crc32c.h.
inline uint32_t MaskedCrc32c(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

}  // namespace atelier::trainer
