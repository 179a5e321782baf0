// Reading and writing numbers of 16 bits, the same bits on the CPU and on a
// GPU.
//
// bf16 is written with stochastic rounding: up with the probability of the part
// that is cut off, so that changes below half a unit are right on average
// instead of lost. fp16 is rounded to nearest.
//
// Source of stochastic rounding for weights: Zamirai et al., "Revisiting
// BFloat16 Training", 2020.
#pragma once

#include <stdint.h>
#include <string.h>

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

enum class NumberFormat : int32_t {
  kFloat32,
  kBfloat16,
  kFloat16,
  kBlocks8,  // block_quantisation.h; states only
};

ATELIER_HOST_DEVICE inline uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

ATELIER_HOST_DEVICE inline float FromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// 32 random bits that follow from a key and a place alone: the finaliser of a
// hash (lowbias32) around both halves of the key.
ATELIER_HOST_DEVICE inline uint32_t RandomBits(uint64_t key, uint32_t place) {
  uint32_t bits = place * 0x9E3779B9u + static_cast<uint32_t>(key);
  bits = (bits ^ (bits >> 16)) * 0x7FEB352Du;
  bits =
      ((bits ^ (bits >> 15)) + static_cast<uint32_t>(key >> 32)) * 0x846CA68Bu;
  bits = (bits ^ (bits >> 16)) * 0x7FEB352Du;
  return bits ^ (bits >> 15);
}

ATELIER_HOST_DEVICE inline float FromBfloat16(uint16_t bits) {
  return FromBits(static_cast<uint32_t>(bits) << 16);
}

// `random16`: 16 random bits in the low half. Infinities and NaN stay.
ATELIER_HOST_DEVICE inline uint16_t ToBfloat16(float value, uint32_t random16) {
  const uint32_t bits = BitsOf(value);
  const uint32_t rounded = bits + (random16 & 0xFFFFu);
  const bool is_finite = (bits & 0x7F800000u) != 0x7F800000u;
  // A NaN keeps a bit of its upper half.
  const uint32_t special = bits | ((bits & 0xFFFFu) != 0 ? 0x10000u : 0u);
  return static_cast<uint16_t>((is_finite ? rounded : special) >> 16);
}

ATELIER_HOST_DEVICE inline float FromFloat16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t rest = static_cast<uint32_t>(half & 0x7FFFu) << 13;
  // Read with an exponent that is too small by 112, which the product mends for
  // subnormal numbers too.
  const float finite = FromBits(rest) * FromBits(0x77800000u);
  const bool is_finite = rest < 0x0F800000u;
  const uint32_t special = rest | 0x7F800000u;
  return FromBits(sign | (is_finite ? BitsOf(finite) : special));
}

ATELIER_HOST_DEVICE inline uint16_t ToFloat16(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t rest = bits & 0x7FFFFFFFu;
  uint32_t half;
  if (rest > 0x7F800000u) {
    half = 0x7E00u;  // NaN
  } else if (rest >= 0x477FF000u) {
    half = 0x7C00u;  // rounds to infinity
  } else if (rest < 0x38800000u) {
    // Subnormal: the sum's last digit is the half's.
    half = BitsOf(FromBits(rest) + 0.5f) - 0x3F000000u;
  } else {
    half = (rest - 0x38000000u + 0xFFFu + ((rest >> 13) & 1u)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

}  // namespace atelier::trainer
