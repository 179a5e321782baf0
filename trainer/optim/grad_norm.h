// The global norm of the gradients, and clipping to it.
#pragma once

#include <vector>

#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

// The sum of squares of one gradient: a number, or one that a device still
// works on.
struct GradSquares {
  double on_host = 0;
  Tensor norm_on_device;  // not squared; undefined for gradients on the CPU
};
GradSquares SquaresOf(const Tensor& grad);
// Of every gradient of every group, in order.
std::vector<GradSquares> SquaresOf(const std::vector<ParameterGroup>& groups);

// All of them added up in their order: what is on the host, and, where there is
// any, what a device still works on, [] fp64. The norm is the root of the sum
// of both. Does not block.
struct SumOfSquares {
  double on_host = 0;
  Tensor on_device;
};
SumOfSquares Sum(const std::vector<GradSquares>& squares);

// The L2 norm over every gradient of every group, summed in fp64 in an order
// that does not depend on the number of threads. Infinite or NaN if a gradient
// is. 0 without gradients. Blocks: until a device has finished, once.
double GradNorm(const std::vector<ParameterGroup>& groups);

// The factor that brings a norm down to `max_norm`: max_norm / (norm + 1e-6),
// at most 1, as torch.nn.utils.clip_grad_norm_ has it. 1 if max_norm is not
// positive.
double ClipFactor(double norm, double max_norm);

}  // namespace atelier::trainer
