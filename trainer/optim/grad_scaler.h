// The dynamic loss scale of fp16 training: losses are multiplied by it so that
// small gradients do not vanish, and it shrinks when they overflow.
//
// Source: Micikevicius et al., "Mixed Precision Training", 2018, section 3.2;
// constants of torch.amp.GradScaler.
#pragma once

#include <cstdint>

namespace atelier::trainer {

class GradScaler {
 public:
  // All there is to save.
  struct State {
    double scale = 65536;
    int64_t good_steps = 0;  // in a row since the scale last changed
  };

  double scale() const { return state_.scale; }
  double InverseScale() const { return 1 / state_.scale; }

  // After each optimizer step, taken or skipped: halves the scale if a gradient
  // was not finite, doubles it after 2,000 steps in a row where all were.
  void Update(bool gradients_are_finite);

  const State& state() const { return state_; }
  void LoadState(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace atelier::trainer
