#include "trainer/train/fused_update.h"

#include <memory>

namespace atelier::trainer {

class FusedUpdate::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(FusedUpdate& owner, size_t group, size_t index)
      : owner_(owner), group_(group), index_(index) {}
  void operator()(const Tensor& /*parameter*/) override {
    if (owner_.phase_ != Phase::kOff) owner_.Take(group_, index_);
  }

 private:
  FusedUpdate& owner_;
  size_t group_;
  size_t index_;
};

FusedUpdate::FusedUpdate(Optimizer& optimizer) : optimizer_(optimizer) {
  auto& groups = optimizer_.groups();
  for (size_t group = 0; group < groups.size(); ++group) {
    squares_.emplace_back(groups[group].parameters.size());
    for (size_t i = 0; i < groups[group].parameters.size(); ++i) {
      torch::autograd::impl::set_post_acc_grad_hooks(
          groups[group].parameters[i].parameter,
          std::make_unique<Hook>(*this, group, i));
    }
  }
}

FusedUpdate::~FusedUpdate() {
  for (ParameterGroup& group : optimizer_.groups()) {
    for (NamedParameter& named : group.parameters) {
      torch::autograd::impl::set_post_acc_grad_hooks(named.parameter, nullptr);
    }
  }
}

void FusedUpdate::BeginMeasuring() {
  phase_ = Phase::kMeasuring;
  for (auto& group : squares_) group.assign(group.size(), GradSquares());
}

void FusedUpdate::BeginUpdating(double grad_scale) {
  BeginMeasuring();
  phase_ = Phase::kUpdating;
  grad_scale_ = grad_scale;
}

void FusedUpdate::End() {
  for (size_t group = 0; group < squares_.size(); ++group) {
    for (size_t i = 0; i < squares_[group].size(); ++i) {
      if (optimizer_.groups()[group].parameters[i].parameter.grad().defined()) {
        Take(group, i);
      }
    }
  }
  if (phase_ == Phase::kUpdating) optimizer_.FinishStep();
  phase_ = Phase::kOff;
}

void FusedUpdate::Abandon() {
  phase_ = Phase::kOff;
  has_updated_ = false;
}

void FusedUpdate::Take(size_t group, size_t index) {
  const torch::NoGradGuard no_grad;
  Tensor& parameter = optimizer_.groups()[group].parameters[index].parameter;
  squares_[group][index] = SquaresOf(parameter.grad());
  if (phase_ == Phase::kUpdating) {
    has_updated_ = true;
    optimizer_.StepParameter(group, index, grad_scale_);
  }
  parameter.mutable_grad().reset();
}

std::vector<GradSquares> FusedUpdate::squares() const {
  std::vector<GradSquares> all;
  for (const auto& group : squares_) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace atelier::trainer
