// Moving averages of the trained weights, several decays at once:
//
//   e <- d e + (1 - d) w      after every update of the weights w
//
// d is the decay; with warm-up at most (1 + n) / (10 + n) at the n-th update;
// until the start step e is w itself.
//
// Averages are fp32, whatever the weights are, and lie where the weights do, or
// in host memory. Memory: 4 bytes for each trained weight and decay; Use takes
// no more than the largest tensor, except with weights that are not fp32, of
// which it keeps a copy.
//
// Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by
// Averaging", 1992; the warm-up is TensorFlow's ExponentialMovingAverage.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "trainer/optim/optimizer.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct EmaDecay {
  std::string text;  // as the user wrote it: `0.9999`
  double value = 0;
};

struct EmaOptions {
  std::vector<EmaDecay> decays;
  int64_t start_step = 0;
  bool warmup = false;
  bool offload = false;  // averages lie in host memory
};

class Ema {
 public:
  // Averages of every parameter in `groups`, which begin as the parameters are.
  Ema(const std::vector<ParameterGroup>& groups, const EmaOptions& options);

  // After an update of the weights: the one of optimizer step `step`, from 1.
  void Update(int64_t step);

  size_t size() const { return averages_.size(); }
  // `ema0.9999`.
  std::string NameOf(size_t decay) const;
  // The average that the parameters hold just now; empty: they are themselves.
  const std::string& in_use() const { return in_use_; }

  // The averages by `<name>/<parameter>`, and the number of updates as
  // `updates`. The tensors are the live ones.
  std::map<std::string, Tensor> State() const;
  // Errors: INVALID_ARGUMENT naming what is missing or of another shape.
  absl::Status LoadState(const std::map<std::string, Tensor>& state);
  // Begins again with the parameters as they are.
  void Reset();

  // The parameters hold an average while this lives, for saving, validation and
  // previews. Not two at a time, and no update meanwhile.
  class Use {
   public:
    Use(Ema& ema, size_t decay);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    void Exchange();

    Ema& ema_;
    std::vector<Tensor>& averages_;
    std::vector<Tensor> kept_;  // weights that are not fp32
  };

 private:
  double DecayNow(size_t decay, int64_t step) const;

  EmaOptions options_;
  std::vector<NamedParameter> parameters_;
  std::vector<std::vector<Tensor>> averages_;  // by decay and parameter
  int64_t updates_ = 0;
  std::string in_use_;
};

}  // namespace atelier::trainer
