#include "trainer/optim/schedule_free.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kZ[] = "z";
constexpr char kSquares[] = "exp_avg_sq";
constexpr char kWeightSum[] = "weight_sum";
constexpr char kLargestRate[] = "lr_max";

std::vector<std::string> StatesOf(ScheduleFreeKind kind) {
  if (kind == ScheduleFreeKind::kSgd) return {kZ};
  return {kZ, kSquares};
}

}  // namespace

ScheduleFree::ScheduleFree(std::vector<ParameterGroup> groups,
                           const ScheduleFreeOptions& options,
                           const CudaApi* kernels)
    : ElementOptimizer(std::move(groups),
                       options.kind == ScheduleFreeKind::kSgd
                           ? UpdateRule::kScheduleFreeSgd
                           : UpdateRule::kScheduleFree,
                       StatesOf(options.kind), StateBits::kAsWeight, kernels),
      options_(options) {
  MakeState();
}

GroupedOptimizer::Slots ScheduleFree::MakeSlots(const Tensor& parameter) const {
  Slots slots = ElementOptimizer::MakeSlots(parameter);
  slots.at(kZ).copy_(parameter);
  slots[kWeightSum] = torch::zeros({}, torch::kFloat64);
  slots[kLargestRate] = torch::full({}, -1.0, torch::kFloat64);
  return slots;
}

ScheduleFree::Rate ScheduleFree::RateOf(const Update& update) const {
  const double step = static_cast<double>(update.step);
  if (options_.kind != ScheduleFreeKind::kRAdam) {
    const double warmup = static_cast<double>(options_.warmup_steps);
    const double share = step <= warmup ? step / warmup : 1;
    return {update.lr * share, options_.kind == ScheduleFreeKind::kAdamW};
  }
  // Length of the approximated moving average, now and in the end.
  const double power = std::pow(options_.beta2, step);
  const double last = 2 / (1 - options_.beta2) - 1;
  const double length = last - 2 * step * power / (1 - power);
  if (length <= 4) return {options_.silent_sgd_phase ? 0 : update.lr, false};
  const double rectified = std::sqrt((length - 4) * (length - 2) * last /
                                     ((last - 4) * (last - 2) * length));
  return {update.lr * rectified, true};
}

double ScheduleFree::AverageShare(Update& update, double lr) const {
  Tensor& largest = update.slots.at(kLargestRate);
  Tensor& sum = update.slots.at(kWeightSum);
  largest.fill_(std::max(lr, largest.item<double>()));
  const double weight =
      std::pow(static_cast<double>(update.step), options_.r) *
      std::pow(largest.item<double>(), options_.weight_lr_power);
  sum.add_(weight);
  const double total = sum.item<double>();
  return total == 0 ? 0 : weight / total;
}

ElementUpdate::Factors ScheduleFree::FactorsOf(Update& update) const {
  TORCH_CHECK(trained_.empty(),
              "schedule-free: a step while averages are used");
  const Rate rate = RateOf(update);
  const double share = AverageShare(update, rate.lr);
  const double correction =
      1 - std::pow(options_.beta2, static_cast<double>(update.step));
  ElementUpdate::Factors all;
  ScheduleFreeFactors& factors = all.schedule_free;
  factors.beta2 = static_cast<float>(options_.beta2);
  factors.one_minus_beta2 = static_cast<float>(1 - options_.beta2);
  factors.root_factor =
      rate.is_adaptive ? static_cast<float>(1 / std::sqrt(correction)) : 0.0f;
  factors.floor = rate.is_adaptive ? static_cast<float>(options_.eps) : 1.0f;
  factors.weight_decay = static_cast<float>(options_.weight_decay);
  factors.average = static_cast<float>(share);
  factors.y_step =
      static_cast<float>(rate.lr * (options_.beta1 * (1 - share) - 1));
  factors.z_step = static_cast<float>(rate.lr);
  return all;
}

void ScheduleFree::UseEvalWeights() {
  const torch::NoGradGuard no_grad;
  ForEachState([&](const NamedParameter& named, Slots& slots) {
    Tensor weight = named.parameter.detach();
    trained_[named.name] = weight.clone();
    const Tensor y = weight.to(torch::kFloat32);
    const Tensor z = slots.at(kZ).to(y.device(), torch::kFloat32);
    weight.copy_(y.lerp(z, 1 - 1 / options_.beta1));
  });
}

void ScheduleFree::UseTrainWeights() {
  const torch::NoGradGuard no_grad;
  ForEachState([&](const NamedParameter& named, Slots&) {
    const auto found = trained_.find(named.name);
    if (found != trained_.end()) {
      named.parameter.detach().copy_(found->second);
    }
  });
  trained_.clear();
}

}  // namespace atelier::trainer
