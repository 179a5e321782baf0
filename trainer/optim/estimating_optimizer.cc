#include "trainer/optim/estimating_optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "trainer/optim/element/estimating_loop.h"

namespace atelier::trainer {
namespace {

constexpr char kFirst[] = "exp_avg";
constexpr char kSecond[] = "exp_avg_sq";
constexpr char kSum[] = "s";
constexpr char kStart[] = "p0";
// Elements summed by one thread in a row: the sums do not depend on the number
// of threads.
constexpr int64_t kSumChunk = 1 << 15;

double SumOver(const Tensor& tensor) { return tensor.sum().item<double>(); }

bool FitsLoop(const Tensor& parameter) {
  return parameter.is_cpu() && parameter.is_non_overlapping_and_dense();
}

// `grad` may be undefined: it is not read when weights move.
EstimateMemory MemoryOf(const Tensor& parameter, const Tensor& grad,
                        const std::map<std::string, Tensor>& slots) {
  EstimateMemory memory;
  memory.weight = parameter.const_data_ptr();
  memory.weight_format = FormatOf(parameter);
  if (grad.defined()) {
    memory.grad = grad.const_data_ptr();
    memory.grad_format = FormatOf(grad);
  }
  const auto start = slots.find(kStart);
  if (start != slots.end()) memory.start = start->second.data_ptr<float>();
  memory.first = slots.at(kFirst).data_ptr<float>();
  memory.second = slots.at(kSecond).data_ptr<float>();
  memory.sum = slots.at(kSum).data_ptr<float>();
  return memory;
}

}  // namespace

EstimatingOptimizer::EstimatingOptimizer(std::vector<ParameterGroup> groups,
                                         EstimateRule rule)
    : GroupedOptimizer(std::move(groups)), rule_(rule) {}

GroupedOptimizer::Slots EstimatingOptimizer::MakeSlots(
    const Tensor& parameter) const {
  Slots slots;
  for (const char* name : {kFirst, kSecond, kSum}) {
    slots[name] = torch::zeros_like(parameter, torch::kFloat32);
  }
  if (rule_ == EstimateRule::kProdigy) {
    slots[kStart] =
        torch::zeros_like(parameter, torch::kFloat32).copy_(parameter);
  }
  return slots;
}

void EstimatingOptimizer::UpdateOne(Update& update) {
  if (taken_.empty()) PrepareStep();
  Taken taken = {update.parameter, &update.slots, update.lr,
                 update.rounding_key, Sums{}};
  if (update.lr > 0) taken.sums = Take(update);
  taken_[update.name] = taken;
}

EstimatingOptimizer::Sums EstimatingOptimizer::Take(Update& update) const {
  EstimateFactors factors = GradientFactors();
  factors.grad_scale = static_cast<float>(update.grad_scale);
  return FitsLoop(update.parameter) ? TakeInLoop(update, factors)
                                    : TakeWithOperators(update, factors);
}

EstimatingOptimizer::Sums EstimatingOptimizer::TakeInLoop(
    const Update& update, const EstimateFactors& factors) const {
  const Tensor grad = InOrderOf(update.parameter, update.grad);
  const EstimateMemory memory = MemoryOf(update.parameter, grad, update.slots);
  const int64_t elements = update.parameter.numel();
  const int64_t chunks = (elements + kSumChunk - 1) / kSumChunk;
  std::vector<Sums> parts(static_cast<size_t>(chunks));
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      parts[static_cast<size_t>(i)] =
          TakeGradients(rule_, factors, memory, i * kSumChunk,
                        std::min((i + 1) * kSumChunk, elements));
    }
  });
  Sums sums = {};
  for (const Sums& part : parts) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
  }
  return sums;
}

EstimatingOptimizer::Sums EstimatingOptimizer::TakeWithOperators(
    const Update& update, const EstimateFactors& factors) const {
  const Tensor weight = update.parameter.to(torch::kFloat32);
  const Tensor grad = update.ScaledGrad() + factors.weight_decay * weight;
  const Tensor& first = update.slots.at(kFirst);
  const Tensor& second = update.slots.at(kSecond);
  const Tensor& sum = update.slots.at(kSum);
  Sums sums = {};
  if (rule_ == EstimateRule::kProdigy) {
    sums[0] = SumOver(grad * (update.slots.at(kStart) - weight));
  }
  if (rule_ == EstimateRule::kDAdapt) {
    sums[0] = SumOver(grad * (sum / (second.sqrt() + factors.eps)));
  }
  first.mul_(factors.beta1).add_(grad, factors.first_gain);
  second.mul_(factors.beta2).addcmul_(grad, grad, factors.second_gain);
  sum.mul_(factors.sum_decay).add_(grad, factors.sum_gain);
  sums[1] = SumOver(sum.abs());
  if (rule_ == EstimateRule::kDAdaptPreprint) {
    const Tensor root = second.sqrt() + factors.eps;
    sums[0] = SumOver(grad * grad / root);
    sums[2] = SumOver(sum * sum / root);
  }
  return sums;
}

void EstimatingOptimizer::FinishUpdates() {
  if (taken_.empty()) return;
  Sums total = {};
  for (const auto& [name, taken] : taken_) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += taken.sums[i];
  }
  if (MoveEstimate(total)) {
    for (const auto& [name, taken] : taken_) {
      if (taken.lr > 0) Move(taken);
    }
  }
  taken_.clear();
}

void EstimatingOptimizer::Move(const Taken& taken) const {
  const EstimatedStepFactors factors = StepFactors(taken.lr);
  const Tensor& parameter = taken.parameter;
  if (!FitsLoop(parameter)) {
    const Tensor root = taken.slots->at(kSecond).sqrt() + factors.floor;
    const Tensor weight = parameter.to(torch::kFloat32) * factors.decay;
    return StoreWeight(
        parameter,
        weight.addcdiv(taken.slots->at(kFirst), root, -factors.step_size),
        taken.rounding_key);
  }
  const bool in_place = parameter.scalar_type() == torch::kFloat32;
  const Tensor moved =
      in_place ? parameter : torch::empty_like(parameter, torch::kFloat32);
  const EstimateMemory memory = MemoryOf(parameter, Tensor(), *taken.slots);
  at::parallel_for(
      0, parameter.numel(), kSumChunk, [&](int64_t begin, int64_t end) {
        MoveByMoments(factors, memory, moved.data_ptr<float>(), begin, end);
      });
  if (!in_place) StoreWeight(parameter, moved, taken.rounding_key);
}

double EstimatingOptimizer::SharedValue(const char* name) {
  return shared().at(name).item<double>();
}

void EstimatingOptimizer::SetShared(const char* name, double value) {
  shared().at(name).fill_(value);
}

double EstimatingOptimizer::LargestRate() {
  double largest = 0;
  for (const ParameterGroup& group : groups()) {
    largest = std::max(largest, group.lr);
  }
  return largest;
}

}  // namespace atelier::trainer
