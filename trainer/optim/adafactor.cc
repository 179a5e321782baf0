#include "trainer/optim/adafactor.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
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

// Elements of a tensor that is no matrix, taken by one thread in a row.
constexpr int64_t kWholeChunk = 1 << 15;

double RootMean(double squares, int64_t elements) {
  return std::sqrt(squares / static_cast<double>(elements));
}

double Total(const std::vector<double>& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

// Calls `take(i)` for i in [0, count), on all threads.
template <typename Take>
void ForAll(int64_t count, int64_t grain, const Take& take) {
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) take(i);
  });
}

struct Squares {
  double of_weight = 0;
  double of_change = 0;
};

// The tensor as it is used by the passes over matrices.
struct Matrices {
  AdafactorShape shape;
  AdafactorMemory memory;
  AdafactorFactors factors;

  Squares Take() const;
  void Apply(const AdafactorStep& step) const {
    ForAll(shape.pieces(), 1, [&](int64_t i) {
      ApplyChange(factors, step, shape, memory, shape.PieceAt(i));
    });
  }
};

Squares Matrices::Take() const {
  const std::vector<int64_t> size = {shape.parts(), shape.batches,
                                     shape.columns};
  const Tensor sums = torch::empty(size);
  std::vector<double> weights(static_cast<size_t>(shape.pieces()));
  ForAll(shape.pieces(), 1, [&](int64_t i) {
    weights[static_cast<size_t>(i)] = TakeSquares(
        factors, shape, memory, shape.PieceAt(i), sums.data_ptr<float>());
  });
  const int64_t sides = shape.rows + shape.columns;
  at::parallel_for(0, shape.batches, std::max<int64_t>(1, kWholeChunk / sides),
                   [&](int64_t begin, int64_t end) {
                     MakeFactors(factors, shape, memory,
                                 sums.const_data_ptr<float>(), begin, end);
                   });
  std::vector<double> changes(weights.size());
  ForAll(shape.pieces(), 1, [&](int64_t i) {
    changes[static_cast<size_t>(i)] =
        SquaresOfChange(factors, shape, memory, shape.PieceAt(i));
  });
  return {Total(weights), Total(changes)};
}

Squares TakeWholeTensor(const AdafactorFactors& factors,
                        const AdafactorMemory& memory, int64_t elements) {
  const int64_t chunks = (elements + kWholeChunk - 1) / kWholeChunk;
  std::vector<WholeSquares> parts(static_cast<size_t>(chunks));
  ForAll(chunks, 1, [&](int64_t i) {
    parts[static_cast<size_t>(i)] =
        TakeWhole(factors, memory, i * kWholeChunk,
                  std::min((i + 1) * kWholeChunk, elements));
  });
  Squares total;
  for (const WholeSquares& part : parts) {
    total.of_weight += part.of_weight;
    total.of_change += part.of_change;
  }
  return total;
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
  const Tensor& parameter = update.parameter;
  if (parameter.is_cpu() && parameter.numel() > 0) {
    UpdateInLoop(update);
  } else {
    UpdateWithOperators(update);
  }
}

AdafactorFactors Adafactor::FactorsOf(const Update& update) const {
  const double beta2 =
      1 - std::pow(static_cast<double>(update.step), options_.decay_rate);
  return {static_cast<float>(update.grad_scale),
          static_cast<float>(options_.eps1), static_cast<float>(beta2),
          static_cast<float>(1 - beta2)};
}

AdafactorStep Adafactor::StepOf(const Update& update, double weight_size,
                                double change_size) const {
  const double size = StepSize(update, weight_size);
  const double clipped =
      size / std::max(1.0, change_size / options_.clip_threshold);
  const double beta1 = options_.beta1.value_or(0);
  return {static_cast<float>(clipped),
          static_cast<float>(1 - options_.weight_decay * size),
          static_cast<float>(beta1), static_cast<float>(1 - beta1)};
}

void Adafactor::UpdateInLoop(Update& update) const {
  const Tensor& parameter = update.parameter;
  const Tensor grad =
      update.grad.to(parameter.device(), torch::kFloat32).contiguous();
  const Tensor weight = parameter.to(torch::kFloat32).contiguous();
  const bool in_place = weight.is_same(parameter);
  const Tensor out = in_place ? weight : torch::empty_like(weight);
  Tensor first;
  AdafactorMemory memory;
  memory.grad = grad.const_data_ptr<float>();
  memory.weight = weight.const_data_ptr<float>();
  memory.out = out.data_ptr<float>();
  if (options_.beta1) {
    first = update.slots.at(kFirstMoment).contiguous();
    memory.first = first.data_ptr<float>();
  }
  const AdafactorFactors factors = FactorsOf(update);
  const int64_t elements = parameter.numel();
  if (parameter.dim() < 2) {
    memory.whole = update.slots.at(kWhole).data_ptr<float>();
    const Squares squares = TakeWholeTensor(factors, memory, elements);
    const AdafactorStep step =
        StepOf(update, RootMean(squares.of_weight, elements),
               RootMean(squares.of_change, elements));
    at::parallel_for(0, elements, kWholeChunk, [&](int64_t begin, int64_t end) {
      ApplyWhole(factors, step, memory, begin, end);
    });
  } else {
    const Tensor& row = update.slots.at(kRow);
    const Tensor& column = update.slots.at(kColumn);
    const Tensor row_factor = torch::empty_like(row);
    const Tensor column_factor = torch::empty_like(column);
    memory.row = row.data_ptr<float>();
    memory.column = column.data_ptr<float>();
    memory.row_factor = row_factor.data_ptr<float>();
    memory.column_factor = column_factor.data_ptr<float>();
    const int64_t rows = parameter.size(-2);
    const int64_t columns = parameter.size(-1);
    const Matrices matrices{
        AdafactorShape(elements / (rows * columns), rows, columns), memory,
        factors};
    const Squares squares = matrices.Take();
    matrices.Apply(StepOf(update, RootMean(squares.of_weight, elements),
                          RootMean(squares.of_change, elements)));
  }
  if (first.defined()) update.slots.at(kFirstMoment).copy_(first);
  if (!in_place) StoreWeight(parameter, out, update.rounding_key);
}

void Adafactor::UpdateWithOperators(Update& update) const {
  Tensor weight = update.parameter.to(torch::kFloat32);
  Tensor change = Normalised(update);
  const AdafactorStep step =
      StepOf(update, RootMeanSquare(weight), RootMeanSquare(change));
  change = change * step.size;
  if (options_.beta1) {
    const Tensor& first_moment = update.slots.at(kFirstMoment);
    Average(first_moment, change, *options_.beta1);
    change = first_moment;
  }
  weight = weight * step.decay;
  StoreWeight(update.parameter, weight - change, update.rounding_key);
}

double Adafactor::StepSize(const Update& update, double weight_size) const {
  const double step = static_cast<double>(update.step);
  double size = update.lr;
  if (options_.relative_step) {
    const double largest = options_.warmup_init ? 1e-6 * step : 1e-2;
    size = std::min(largest, 1 / std::sqrt(step));
  }
  if (!options_.scale_parameter) return size;
  return size * std::max(options_.eps2, weight_size);
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
