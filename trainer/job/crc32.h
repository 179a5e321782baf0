// CRC-32 as in zlib and PNG (polynomial 0xEDB88320, reflected), and of other
// polynomials.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace atelier::trainer {

constexpr std::array<uint32_t, 256> MakeCrc32Table(uint32_t polynomial) {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0u);
    }
    table[i] = value;
  }
  return table;
}

template <uint32_t kPolynomial = 0xEDB88320u>
uint32_t Crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable =
      MakeCrc32Table(kPolynomial);
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFu] ^ (crc >> 8);
  }
  return ~crc;
}

}  // namespace atelier::trainer
