// Counter-based random numbers: every draw is a pure function of (seed,
// purpose, step, sample) and of its index in that stream, so a run that is
// stopped and resumed, or that uses another number of loader threads, draws the
// same numbers.
//
// Source: Philox 4x32-10, Salmon et al., "Parallel Random Numbers: As Easy as
// 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace atelier::trainer {

// What a stream is for. Values are part of the meaning of a seed: append, never
// renumber.
enum class RngPurpose : uint32_t {
  kEpochOrder = 1,    // step: epoch
  kCaption = 2,       // step: epoch, sample: place in the epoch
  kAugmentation = 3,  // step: epoch, sample: place in the epoch
  kLatentSample =
      4,          // posterior noise; step: epoch (0 for caches), sample: image
  kTimestep = 5,  // step: optimizer step, sample: place in the step's batches
  kNoise = 6,
  kNoiseOffset = 7,
  kMultiresNoise = 8,
  kInputPerturbation = 9,
  kPreview = 10,  // seed: the prompt's own, step: sampler step
  kWeightInit = 11,
  kValidation = 12,
  kTextDropout = 13,  // outputs of single text encoders
  kPositionCrop = 14,
};

// The block function: ten rounds of Philox 4x32.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key);

class Rng {
 public:
  Rng(uint64_t seed, RngPurpose purpose, uint64_t step, uint64_t sample);

  uint32_t NextUint32();
  uint64_t NextUint64();
  // In [0, 1), 53 bits.
  double Uniform();
  // Standard normal (Box-Muller; two draws a pair).
  double Normal();
  // In [0, bound), without modulo bias. bound must be positive.
  uint64_t Below(uint64_t bound);

 private:
  void Refill();

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace atelier::trainer
