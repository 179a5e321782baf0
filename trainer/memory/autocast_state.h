// Autocast's state as a value, so that a block can be run again as it first
// ran.
#pragma once

#include <array>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct AutocastState {
  // PrivateUse1 is whatever device a process brings along.
  static constexpr std::array kDevices = {at::kCPU, at::kCUDA,
                                          at::kPrivateUse1};

  std::array<bool, kDevices.size()> enabled{};
  std::array<at::ScalarType, kDevices.size()> dtype{};
  bool cache = true;

  // Threads: of the calling one, as Apply.
  static AutocastState Current();
  void Apply() const;
};

// Applies a state while it lives, without autocast's cache of cast weights:
// casts made while no gradients are recorded must not be found by code that
// records them, and casts of weights that leave the device must not stay there.
class AutocastGuard {
 public:
  explicit AutocastGuard(AutocastState state);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  AutocastState before_;
};

}  // namespace atelier::trainer
