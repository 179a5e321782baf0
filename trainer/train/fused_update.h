// Updates each weight during the backward pass, as soon as its gradient is
// whole, and frees the gradient at once: the gradients of a model are never all
// in memory.
//
// The outcome is that of the ordinary step, bit for bit. Where an update needs
// to know all gradients first (clipping to a global norm, loss scaling, leaving
// out a step that is not finite) the pass is run twice: the first measures the
// norm and drops the gradients, the second updates. With gradients accumulated
// over several micro-batches the last one's pass updates; those before are out
// of it. Optimizers that estimate from sums over all gradients finish in End.
#pragma once

#include <vector>

#include "trainer/optim/grad_norm.h"
#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

class FusedUpdate {
 public:
  // Hooks into every parameter of the optimizer, which outlives this.
  explicit FusedUpdate(Optimizer& optimizer);
  ~FusedUpdate();
  FusedUpdate(const FusedUpdate&) = delete;
  FusedUpdate& operator=(const FusedUpdate&) = delete;

  // Around each backward pass. Measuring: gradients are squared, summed and
  // dropped; squares() has the result after End.
  void BeginMeasuring();
  // Updating: weights change as their gradients come, each first multiplied by
  // `grad_scale`. The norm is measured as well.
  void BeginUpdating(double grad_scale);
  // Handles gradients that came without a hook being called (those of blocks
  // that wait in host memory), and finishes the optimizer's step.
  void End();
  // A pass ended before its time, by an exception; or none has begun.
  void Abandon();
  // Whether a weight was changed since Abandon.
  bool has_updated() const { return has_updated_; }

  // Of the gradients of the last pass.
  std::vector<GradSquares> squares() const;

 private:
  enum class Phase { kOff, kMeasuring, kUpdating };
  class Hook;

  void Take(size_t group, size_t index);

  Optimizer& optimizer_;
  Phase phase_ = Phase::kOff;
  bool has_updated_ = false;
  double grad_scale_ = 1;
  std::vector<std::vector<GradSquares>> squares_;  // by group and parameter
};

}  // namespace atelier::trainer
