// What a loss usually is at a timestep: moving means in equal parts of the
// range. Losses of diffusion models differ by a hundred times between
// timesteps, so one is judged only beside others at its own.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nlohmann/json.hpp"

namespace atelier::trainer {

// What one sample of a batch came to.
struct SampleLoss {
  int64_t image = 0;    // place in DatasetIndex::images
  double timestep = 0;  // 0 up to 1000
  double loss = 0;      // without the image's loss_weight
};

class TimestepLosses {
 public:
  static constexpr size_t kParts = 20;

  // A loss counts the less the more there were, but at least as one in 200:
  // what is usual falls as training goes on.
  void Add(double timestep, double loss);
  // 0 where nothing is known yet.
  double Usual(double timestep) const;
  // The losses together divided by what is usual for them; 1 while fewer than
  // four losses are known of a part of the range that they are from.
  double Ratio(const std::vector<SampleLoss>& samples) const;

  NLOHMANN_DEFINE_TYPE_INTRUSIVE(TimestepLosses, means_, counts_)

 private:
  static size_t PartOf(double timestep);

  std::array<double, kParts> means_{};
  std::array<int64_t, kParts> counts_{};
};

}  // namespace atelier::trainer
