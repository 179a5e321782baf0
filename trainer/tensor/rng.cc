// A stream's key is the first half of Philox(seed; step, purpose), and its
// blocks are Philox(key; block number, sample): both numbers keep their 64
// bits, and streams of different steps or purposes share nothing.
#include "trainer/tensor/rng.h"

#include <cmath>
#include <numbers>

namespace atelier::trainer {
namespace {

// Multipliers and key increments of the paper (section 4.3 and table 2).
constexpr uint64_t kMultiplier0 = 0xD2511F53;
constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {High(product1) ^ counter[1] ^ key[0], Low(product1),
               High(product0) ^ counter[3] ^ key[1], Low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

Rng::Rng(uint64_t seed, RngPurpose purpose, uint64_t step, uint64_t sample)
    : counter_{0, 0, Low(sample), High(sample)} {
  const std::array<uint32_t, 4> derived =
      Philox4x32({Low(step), High(step), static_cast<uint32_t>(purpose), 0},
                 {Low(seed), High(seed)});
  key_ = {derived[0], derived[1]};
}

void Rng::Refill() {
  block_ = Philox4x32(counter_, key_);
  used_ = 0;
  if (++counter_[0] == 0) ++counter_[1];
}

uint32_t Rng::NextUint32() {
  if (used_ == 4) Refill();
  return block_[used_++];
}

uint64_t Rng::NextUint64() {
  const uint64_t low = NextUint32();
  return low | static_cast<uint64_t>(NextUint32()) << 32;
}

double Rng::Uniform() {
  return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53;
}

double Rng::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  // 1 - u is in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  const double angle = 2 * std::numbers::pi * Uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

uint64_t Rng::Below(uint64_t bound) {
  // Of the 2^64 values the first 2^64 mod bound are dropped; the rest is a
  // multiple of bound.
  const uint64_t dropped = -bound % bound;
  uint64_t value = NextUint64();
  while (value < dropped) value = NextUint64();
  return value % bound;
}

}  // namespace atelier::trainer
