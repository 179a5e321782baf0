#include "trainer/optim/grad_scaler.h"

#include <algorithm>

namespace atelier::trainer {
namespace {

constexpr double kGrowth = 2;
constexpr double kBackoff = 0.5;
constexpr int64_t kGrowthInterval = 2000;
// Bounds outside of which a float's range is left; not in the reference, which
// runs to 0 or infinity.
constexpr double kSmallest = 0x1p-24;
constexpr double kLargest = 0x1p40;

}  // namespace

void GradScaler::Update(bool gradients_are_finite) {
  if (!gradients_are_finite) {
    state_.scale = std::max(state_.scale * kBackoff, kSmallest);
    state_.good_steps = 0;
    return;
  }
  if (++state_.good_steps < kGrowthInterval) return;
  state_.scale = std::min(state_.scale * kGrowth, kLargest);
  state_.good_steps = 0;
}

}  // namespace atelier::trainer
