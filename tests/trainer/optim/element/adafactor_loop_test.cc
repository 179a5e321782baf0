// The loops of Adafactor against the same formulas in LibTorch's operators.
#include "gtest/gtest.h"

#include "trainer/optim/adafactor.h"

namespace atelier::trainer {
namespace {

struct AdafactorCase {
  std::vector<int64_t> shape;
  bool has_first_moment = false;
  bool channels_last = false;
};

Tensor CaseWeights(const AdafactorCase& one) {
  torch::manual_seed(4);
  Tensor weight = torch::randn(one.shape) * 0.1;
  if (one.channels_last) {
    weight = weight.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  return weight;
}

// One step over zero state, by the paper's algorithms 4 and 5.
Tensor ByFormulas(const Tensor& weight, const Tensor& grad,
                  const AdafactorOptions& options) {
  const Tensor wide = weight.to(torch::kFloat64);
  const Tensor g = grad.to(torch::kFloat64) * 0.5;
  const Tensor squares = g.square() + options.eps1;
  Tensor change;
  if (g.dim() < 2) {
    change = g * squares.rsqrt();
  } else {
    const Tensor row = squares.mean(-1);
    const Tensor factor = (row / row.mean(-1, true)).rsqrt();
    change = g * factor.unsqueeze(-1) * squares.mean(-2).rsqrt().unsqueeze(-2);
  }
  const double step =
      1e-2 * std::max(options.eps2, wide.square().mean().sqrt().item<double>());
  const double size = change.square().mean().sqrt().item<double>();
  change = change * (step / std::max(1.0, size / options.clip_threshold));
  if (options.beta1) change = change * (1 - *options.beta1);
  return wide * (1 - options.weight_decay * step) - change;
}

TEST(AdafactorLoopTest, AStepIsThatOfTheFormulasForEveryShape) {
  const AdafactorCase cases[] = {{{5}},
                                 {{70000}},
                                 {{40, 30}, true},
                                 {{700, 130}},
                                 {{3, 40000}},
                                 {{20000, 3}},
                                 {{1, 1}},
                                 {{64, 9, 3, 3}, true},
                                 {{8, 4, 1, 1}},
                                 {{33, 7, 3, 3}, false, true}};
  for (const AdafactorCase& one : cases) {
    const Tensor weight = CaseWeights(one).set_requires_grad(true);
    const Tensor before = weight.detach().clone();
    const Tensor grad = torch::randn(one.shape) * 3;
    AdafactorOptions options;
    options.weight_decay = 0.1;
    options.clip_threshold = 0.5;
    if (one.has_first_moment) options.beta1 = 0.9;
    Adafactor optimizer({{"all", 1, {{"w", weight}}}}, options);
    weight.mutable_grad() = grad;
    optimizer.Step(0.5);
    const Tensor expected = ByFormulas(before, grad, options);
    EXPECT_TRUE(torch::allclose(weight.detach().to(torch::kFloat64), expected,
                                1e-5, 1e-7))
        << weight.sizes();
  }
}

TEST(AdafactorLoopTest, TheThreadsDoNotChangeTheBits) {
  Tensor found[2];
  for (const int threads : {1, 3}) {
    torch::set_num_threads(threads);
    const Tensor weight = CaseWeights({{900, 300}}).set_requires_grad(true);
    weight.mutable_grad() = torch::ones({900, 300}).cumsum(1);
    Adafactor optimizer({{"all", 1, {{"w", weight}}}}, {});
    optimizer.Step(1);
    found[threads / 3] = weight.detach();
  }
  torch::set_num_threads(1);
  EXPECT_TRUE(found[0].equal(found[1]));
}

}  // namespace
}  // namespace atelier::trainer
