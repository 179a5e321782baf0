// What every optimizer offers the loop and the training state.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct NamedParameter {
  std::string name;  // unique over all groups; key of its state
  Tensor parameter;
};

// Parameters that share a learning rate.
struct ParameterGroup {
  std::string name;  // `unet`, `text_encoder`
  double lr = 0;  // current; set by the loop from the schedule before each step
  std::vector<NamedParameter> parameters;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  virtual std::vector<ParameterGroup>& groups() = 0;

  // One update of every parameter that has a gradient. Each gradient is first
  // multiplied by `grad_scale` (clipping and loss scaling in one factor, read
  // as fp32).
  virtual void Step(double grad_scale) = 0;

  // The same for one parameter, which must have a gradient: groups()[group]
  // .parameters[index]. All of them in any order, and FinishStep, come to the
  // same as Step; each gradient may go as soon as it was taken.
  virtual void StepParameter(size_t group, size_t index, double grad_scale) = 0;
  virtual void FinishStep() {}

  // The weights to save, to show and to validate with, where they are not those
  // that are trained; between two steps. Back: the bits that were there before.
  virtual void UseEvalWeights() {}
  virtual void UseTrainWeights() {}

  // Rates of the schedule are not read.
  virtual bool DeterminesLearningRate() const { return false; }

  // The rounding of bf16 weights follows from it, the parameter's name and the
  // number of its updates. Before the first step.
  virtual void set_rounding_seed(uint64_t /*seed*/) {}

  // How updates are computed where there is a choice, and why; for people.
  virtual std::string Describe() const { return ""; }

  // Parameters of `group` are no longer updated and their state is dropped.
  virtual void Freeze(const std::string& group) = 0;

  // The state of every weight that has moved to another device, or to host
  // memory, goes there too; between two steps.
  virtual void FollowWeights() {}

  // State by name, `<parameter>.<what>` (`…weight.exp_avg`), scalars as 0-d
  // tensors. The tensors are the live ones: copy before changing.
  virtual std::map<std::string, Tensor> State() const = 0;
  // Takes over a state. Errors: INVALID_ARGUMENT naming every missing,
  // unexpected or misshapen entry.
  virtual absl::Status LoadState(
      const std::map<std::string, Tensor>& state) = 0;
};

}  // namespace atelier::trainer
