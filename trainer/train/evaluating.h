// The state of modules and weights for saving, validation and previews.
#pragma once

#include "trainer/architectures/architecture.h"
#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

// Modules compute without gradients and without dropout while this lives.
class Evaluating {
 public:
  // `model` outlives this.
  explicit Evaluating(const Model& model) : model_(model) { Set(false); }
  ~Evaluating() { Set(true); }
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;

 private:
  void Set(bool training) {
    model_.denoiser->train(training);
    for (const TextEncoder& encoder : model_.conditioner->TextEncoders()) {
      encoder.module->train(training);
    }
  }

  const Model& model_;
  torch::NoGradGuard no_grad_;
};

// The parameters hold the weights that the optimizer says are to be used, where
// they are not those that it trains.
class EvalWeights {
 public:
  explicit EvalWeights(Optimizer& optimizer) : optimizer_(optimizer) {
    optimizer_.UseEvalWeights();
  }
  ~EvalWeights() { optimizer_.UseTrainWeights(); }
  EvalWeights(const EvalWeights&) = delete;
  EvalWeights& operator=(const EvalWeights&) = delete;

 private:
  Optimizer& optimizer_;
};

}  // namespace atelier::trainer
