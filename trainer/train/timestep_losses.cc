#include "trainer/train/timestep_losses.h"

#include <algorithm>

namespace atelier::trainer {
namespace {

constexpr double kRange = 1000;
constexpr double kSlowest = 1.0 / 200;
constexpr int64_t kEnough = 4;

}  // namespace

size_t TimestepLosses::PartOf(double timestep) {
  const double part = timestep / kRange * static_cast<double>(kParts);
  return static_cast<size_t>(
      std::clamp(part, 0.0, static_cast<double>(kParts - 1)));
}

void TimestepLosses::Add(double timestep, double loss) {
  const size_t part = PartOf(timestep);
  ++counts_[part];
  const double weight =
      std::max(kSlowest, 1.0 / static_cast<double>(counts_[part]));
  means_[part] += weight * (loss - means_[part]);
}

double TimestepLosses::Usual(double timestep) const {
  return means_[PartOf(timestep)];
}

double TimestepLosses::Ratio(const std::vector<SampleLoss>& samples) const {
  double sum = 0;
  double usual = 0;
  for (const SampleLoss& sample : samples) {
    if (counts_[PartOf(sample.timestep)] < kEnough) return 1;
    sum += sample.loss;
    usual += Usual(sample.timestep);
  }
  return usual > 0 ? sum / usual : 1;
}

}  // namespace atelier::trainer
