// What all optimizers have in common: groups, the state of each parameter,
// freezing, and moving state in and out.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "trainer/optim/element_runner.h"
#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

class GroupedOptimizer : public Optimizer {
 public:
  std::vector<ParameterGroup>& groups() override { return groups_; }
  void Step(double grad_scale) override;
  void StepParameter(size_t group, size_t index, double grad_scale) override;
  void FinishStep() override;
  void Freeze(const std::string& group) override;
  void FollowWeights() override;
  std::map<std::string, Tensor> State() const override;
  absl::Status LoadState(const std::map<std::string, Tensor>& state) override;
  std::string Describe() const override { return runner_.description(); }
  void set_rounding_seed(uint64_t seed) override { rounding_seed_ = seed; }

 protected:
  // State of one parameter by name.
  using Slots = std::map<std::string, Tensor>;

  // One parameter in one step.
  struct Update {
    const std::string& name;
    Tensor parameter;  // detached
    Tensor grad;       // as it was accumulated, before grad_scale
    Slots& slots;
    double lr;
    double grad_scale;
    int64_t step;  // updates of this parameter so far, this one included
    uint64_t rounding_key;

    // grad_scale times the gradient, in fp32.
    Tensor ScaledGrad() const;
  };

  // `kernels` as ElementRunner has them.
  explicit GroupedOptimizer(std::vector<ParameterGroup> groups,
                            const CudaApi* kernels = nullptr);

  // Derived classes call it at the end of their constructor: state exists, as
  // zeros, before the first step.
  void MakeState();
  // Every parameter that has a gradient and is not frozen, in order.
  std::vector<Update> CollectUpdates(double grad_scale);
  Update MakeUpdate(const ParameterGroup& group, const NamedParameter& named,
                    double grad_scale);

  // Besides these each parameter has the slot `step`.
  virtual Slots MakeSlots(const Tensor& parameter) const = 0;
  // State that is not one parameter's, saved as `optimizer.<what>`.
  virtual Slots MakeSharedSlots() const { return {}; }
  // One step over everything. By default each parameter by itself.
  virtual void UpdateAll(std::vector<Update>& updates);
  virtual void UpdateOne(Update& update) = 0;
  // What is left to do once every gradient was taken.
  virtual void FinishUpdates() {}

  // Writes a weight in the parameter's own numbers, bf16 rounded
  // stochastically. `value`: fp32, of the parameter's shape.
  void StoreWeight(const Tensor& parameter, const Tensor& value,
                   uint64_t rounding_key) const;

  // Every parameter that is not frozen, with its state.
  void ForEachState(
      const std::function<void(const NamedParameter&, Slots&)>& visit);

  Slots& shared() { return shared_; }
  const ElementRunner& runner() const { return runner_; }

 private:
  uint64_t RoundingKey(const std::string& name, int64_t step) const;

  std::vector<ParameterGroup> groups_;
  std::set<std::string> frozen_;
  std::map<std::string, Slots> slots_;  // by the parameter's name
  Slots shared_;
  ElementRunner runner_;
  uint64_t rounding_seed_ = 0;
};

}  // namespace atelier::trainer
