#include "trainer/optim/grad_norm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace atelier::trainer {
namespace {

constexpr int64_t kChunk = 1 << 16;  // elements summed by one thread in a row

double SquaresOfRange(const float* values, int64_t count) {
  // Several sums side by side, so that the loop is not bound by one addition.
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (; i < count; ++i) {
    sums[i % kLanes] += static_cast<double>(values[i]) * values[i];
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// Fixed chunks, added up in their order.
double SquaresOnCpu(const Tensor& grad) {
  const Tensor flat = grad.is_non_overlapping_and_dense()
                          ? grad.to(torch::kFloat32)
                          : grad.to(torch::kFloat32).contiguous();
  const float* values = flat.const_data_ptr<float>();
  const int64_t count = flat.numel();
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> sums(chunks, 0);
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * kChunk;
      sums[i] = SquaresOfRange(values + first, std::min(kChunk, count - first));
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

GradSquares SquaresOf(const Tensor& grad) {
  if (grad.device().is_cpu()) return {SquaresOnCpu(grad), Tensor()};
  return {0, torch::linalg_vector_norm(grad, 2, {}, false, torch::kFloat64)};
}

SumOfSquares Sum(const std::vector<GradSquares>& squares) {
  const torch::NoGradGuard no_grad;
  SumOfSquares sum;
  std::vector<Tensor> norms;
  for (const GradSquares& one : squares) {
    sum.on_host += one.on_host;
    if (one.norm_on_device.defined()) norms.push_back(one.norm_on_device);
  }
  if (!norms.empty()) sum.on_device = torch::stack(norms).square().sum();
  return sum;
}

std::vector<GradSquares> SquaresOf(const std::vector<ParameterGroup>& groups) {
  torch::NoGradGuard no_grad;
  std::vector<GradSquares> squares;
  for (const ParameterGroup& group : groups) {
    for (const NamedParameter& named : group.parameters) {
      const Tensor& grad = named.parameter.grad();
      if (grad.defined()) squares.push_back(SquaresOf(grad));
    }
  }
  return squares;
}

double GradNorm(const std::vector<ParameterGroup>& groups) {
  const SumOfSquares sum = Sum(SquaresOf(groups));
  const double on_device =
      sum.on_device.defined() ? sum.on_device.item<double>() : 0;
  return std::sqrt(sum.on_host + on_device);
}

double ClipFactor(double norm, double max_norm) {
  if (max_norm <= 0) return 1;
  return std::min(1.0, max_norm / (norm + 1e-6));
}

}  // namespace atelier::trainer
