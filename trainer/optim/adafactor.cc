#include "trainer/optim/adafactor.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kRow[] = "exp_avg_sq_row";
constexpr char kColumn[] = "exp_avg_sq_col";
constexpr char kWhole[] = "exp_avg_sq";
constexpr char kFirstMoment[] = "exp_avg";

double RootMeanSquare(const Tensor& tensor) {
  return tensor.norm().item<double>() /
         std::sqrt(static_cast<double>(tensor.numel()));
}

void Average(const Tensor& average, const Tensor& value, double beta) {
  average.mul_(beta).add_(value, 1 - beta);
}

}  // namespace

Adafactor::Adafactor(std::vector<ParameterGroup> groups,
                     const AdafactorOptions& options)
    : GroupedOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots Adafactor::MakeSlots(const Tensor& parameter) const {
  const Tensor zeros = torch::zeros_like(parameter, torch::kFloat32);
  Slots slots;
  if (parameter.dim() >= 2) {
    slots[kRow] = zeros.select(-1, 0).contiguous();
    slots[kColumn] = zeros.select(-2, 0).contiguous();
  } else {
    slots[kWhole] = zeros;
  }
  if (options_.beta1) {
    slots[kFirstMoment] = torch::zeros_like(parameter, torch::kFloat32);
  }
  return slots;
}

void Adafactor::UpdateOne(Update& update) {
  Tensor weight = update.parameter.to(torch::kFloat32);
  const double step_size = StepSize(update, weight);
  Tensor change = Normalised(update);
  change = change /
           std::max(1.0, RootMeanSquare(change) / options_.clip_threshold) *
           step_size;
  if (options_.beta1) {
    const Tensor& first_moment = update.slots.at(kFirstMoment);
    Average(first_moment, change, *options_.beta1);
    change = first_moment;
  }
  weight = weight * (1 - options_.weight_decay * step_size);
  StoreWeight(update.parameter, weight - change, update.rounding_key);
}

double Adafactor::StepSize(const Update& update, const Tensor& weight) const {
  const double step = static_cast<double>(update.step);
  double size = update.lr;
  if (options_.relative_step) {
    const double largest = options_.warmup_init ? 1e-6 * step : 1e-2;
    size = std::min(largest, 1 / std::sqrt(step));
  }
  if (!options_.scale_parameter) return size;
  return size * std::max(options_.eps2, RootMeanSquare(weight));
}

Tensor Adafactor::Normalised(const Update& update) const {
  const double beta2 =
      1 - std::pow(static_cast<double>(update.step), options_.decay_rate);
  const Tensor grad = update.ScaledGrad();
  const Tensor squares = grad.square() + options_.eps1;
  if (grad.dim() < 2) {
    const Tensor& whole = update.slots.at(kWhole);
    Average(whole, squares, beta2);
    return grad * whole.rsqrt();
  }
  const Tensor& row = update.slots.at(kRow);
  const Tensor& column = update.slots.at(kColumn);
  Average(row, squares.mean(-1), beta2);
  Average(column, squares.mean(-2), beta2);
  const Tensor row_factor = (row / row.mean(-1, true)).rsqrt();
  return grad * row_factor.unsqueeze(-1) * column.rsqrt().unsqueeze(-2);
}

}  // namespace atelier::trainer
