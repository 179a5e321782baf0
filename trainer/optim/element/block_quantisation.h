// States in 8 bits: blocks of 256 elements, each with its largest absolute
// value and a code for every element, which stands for a share of that value.
//
// The codes are dynamic: seven decades, each with twice the codes of the one
// below. State 0 has codes for both signs, state 1 for positive numbers only.
//
// Source: Dettmers et al., "8-bit Optimizers via Block-wise Quantization",
// 2022; codes and rounding are those of bitsandbytes on the CPU, which first
// brings a share to the nearest of 65536 points in [-1, 1].
#pragma once

#include <stdint.h>

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

constexpr int kQuantisationBlock = 256;
// Smaller tensors keep their state in fp32.
constexpr int64_t kSmallestQuantised = 4096;
constexpr int kQuantisationPoints = 65536;

// What each code stands for, ascending.
struct QuantisationMap {
  float values[256];
};

constexpr QuantisationMap MakeQuantisationMap(bool has_sign) {
  constexpr int kDecades = 7;
  constexpr float kScales[kDecades] = {1e-6f, 1e-5f, 1e-4f, 1e-3f,
                                       1e-2f, 1e-1f, 1.0f};
  QuantisationMap map = {};
  const int zero = has_sign ? 127 : 0;
  int next = zero + 1;
  for (int decade = 0; decade < kDecades; ++decade) {
    const int count = (has_sign ? 1 : 2) << decade;
    const float width = (1.0f - 0.1f) / static_cast<float>(count);
    for (int i = 0; i < count; ++i) {
      const float low = 0.1f + width * static_cast<float>(i);
      const float high = 0.1f + width * static_cast<float>(i + 1);
      map.values[next++] = kScales[decade] * ((low + high) / 2);
    }
  }
  map.values[255] = 1.0f;
  for (int i = 1; has_sign && i <= 127; ++i) {
    map.values[zero - i] = -map.values[zero + i];
  }
  return map;
}

// The nearest of the points to a share in [-1, 1]; NaN counts as -1.
ATELIER_HOST_DEVICE inline int NearestPoint(float share) {
  const float place = (share + 1.0f) * 32767.5f + 0.5f;
  const float low = place > 0.0f ? place : 0.0f;
  return static_cast<int>(low < 65535.0f ? low : 65535.0f);
}

// The code that is nearest to a point, the lower of two that are equally near.
ATELIER_HOST_DEVICE inline uint8_t NearestCode(const float* map, int point) {
  const float share =
      static_cast<float>(static_cast<double>(point) * (2.0 / 65535.0) - 1.0);
  int low = 0;  // the largest code at or below the share
  for (int step = 128; step > 0; step /= 2) {
    if (map[low + step] <= share) low += step;
  }
  if (low == 255) return 255;
  const float below = share - map[low];
  const float above = map[low + 1] - share;
  return static_cast<uint8_t>(above < (below < 0 ? -below : below) ? low + 1
                                                                   : low);
}

}  // namespace atelier::trainer
