#include "trainer/optim/element/estimating_loop.h"

#include <algorithm>

namespace atelier::trainer {
namespace {

constexpr int64_t kEstimateTile = 256;

// Numbers [first, first + count) as fp32: in place, or in the buffer.
const float* AsFloats(const void* memory, NumberFormat format, int64_t first,
                      int64_t count, float* buffer) {
  if (format == NumberFormat::kFloat32) {
    return static_cast<const float*>(memory) + first;
  }
  const uint16_t* halves = static_cast<const uint16_t*>(memory) + first;
  for (int64_t i = 0; i < count; ++i) {
    buffer[i] = format == NumberFormat::kBfloat16 ? FromBfloat16(halves[i])
                                                  : FromFloat16(halves[i]);
  }
  return buffer;
}

// Several sums side by side, so that the loop is not bound by one addition.
double SumOfTile(const float* values, int64_t count) {
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += static_cast<double>(values[i + lane]);
    }
  }
  for (; i < count; ++i) sums[i % kLanes] += static_cast<double>(values[i]);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

template <EstimateRule rule>
void TakeTile(const EstimateFactors& shared, const EstimateMemory& memory,
              int64_t first, int64_t count, std::array<double, 3>& sums) {
  const EstimateFactors factors = shared;
  float buffers[2][kEstimateTile];
  float parts[3][kEstimateTile];
  const float* grad =
      AsFloats(memory.grad, memory.grad_format, first, count, buffers[0]);
  const float* weight =
      AsFloats(memory.weight, memory.weight_format, first, count, buffers[1]);
  const float* start =
      rule == EstimateRule::kProdigy ? memory.start + first : weight;
  float* __restrict moment1 = memory.first + first;
  float* __restrict moment2 = memory.second + first;
  float* __restrict sum = memory.sum + first;
  for (int64_t i = 0; i < count; ++i) {
    EstimateState state = {moment1[i], moment2[i], sum[i]};
    const EstimateParts part =
        EstimateElement<rule>(factors, grad[i], weight[i], start[i], state);
    moment1[i] = state.first;
    moment2[i] = state.second;
    sum[i] = state.sum;
    parts[0][i] = part.of_gradient;
    parts[1][i] = part.of_sum;
    parts[2][i] = part.of_squares;
  }
  for (int i = 0; i < 3; ++i) sums[i] += SumOfTile(parts[i], count);
}

template <EstimateRule rule>
std::array<double, 3> TakeRange(const EstimateFactors& factors,
                                const EstimateMemory& memory, int64_t begin,
                                int64_t end) {
  std::array<double, 3> sums = {};
  for (int64_t i = begin; i < end; i += kEstimateTile) {
    TakeTile<rule>(factors, memory, i, std::min(kEstimateTile, end - i), sums);
  }
  return sums;
}

}  // namespace

#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default"), flatten))
#endif
std::array<double, 3>
TakeGradients(EstimateRule rule, const EstimateFactors& factors,
              const EstimateMemory& memory, int64_t begin, int64_t end) {
  if (rule == EstimateRule::kProdigy) {
    return TakeRange<EstimateRule::kProdigy>(factors, memory, begin, end);
  }
  if (rule == EstimateRule::kDAdapt) {
    return TakeRange<EstimateRule::kDAdapt>(factors, memory, begin, end);
  }
  return TakeRange<EstimateRule::kDAdaptPreprint>(factors, memory, begin, end);
}

#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default"), flatten))
#endif
void MoveByMoments(const EstimatedStepFactors& shared,
                   const EstimateMemory& memory, float* out,
                   int64_t begin, int64_t end) {
  const EstimatedStepFactors factors = shared;
  float buffer[kEstimateTile];
  for (int64_t first = begin; first < end; first += kEstimateTile) {
    const int64_t count = std::min(kEstimateTile, end - first);
    const float* weight =
        AsFloats(memory.weight, memory.weight_format, first, count, buffer);
    const float* moment1 = memory.first + first;
    const float* moment2 = memory.second + first;
    for (int64_t i = 0; i < count; ++i) {
      out[first + i] =
          EstimatedStepElement(factors, weight[i], moment1[i], moment2[i]);
    }
  }
}

}  // namespace atelier::trainer
