#include "trainer/nn/gemm_convolution.h"

#include <vector>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

struct Case {
  std::vector<int64_t> input;
  int64_t out;
  ConvOptions options;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {{1, 5, 7, 9}, 6, {3, 1, 1}}, {{3, 4, 8, 8}, 5, {3, 1, 1}},
      {{2, 3, 9, 6}, 4, {3, 2, 1}}, {{2, 3, 8, 8}, 4, {3, 2, 0}},
      {{1, 2, 1, 1}, 3, {3, 1, 1}}, {{2, 4, 6, 4}, 3, {2, 2, 0}},
      {{1, 2, 2, 9}, 3, {5, 1, 2}}, {{1, 2, 3, 3}, 3, {5, 3, 4}},
  };
  return cases;
}

struct Convolved {
  Tensor output, of_x, of_weight, of_bias;
};

template <typename Convolution>
Convolved Convolve(const Case& c, torch::ScalarType format,
                   Convolution convolution) {
  torch::manual_seed(3);
  const int64_t kernel = c.options.kernel;
  const auto make = [&](torch::IntArrayRef sizes) {
    return torch::randn(sizes).to(format).requires_grad_(true);
  };
  const Tensor x = make(c.input);
  const Tensor weight = make({c.out, c.input[1], kernel, kernel});
  const Tensor bias = make({c.out});
  const Tensor output = convolution(x, weight, bias);
  (output.to(torch::kFloat32) * torch::randn(output.sizes())).sum().backward();
  return {output.detach(), x.grad(), weight.grad(), bias.grad()};
}

void ExpectNear(const Convolved& a, const Convolved& b, double tolerance) {
  const auto near = [&](const Tensor& actual, const Tensor& expected) {
    ASSERT_EQ(actual.sizes(), expected.sizes());
    EXPECT_TRUE(actual.allclose(expected, tolerance, tolerance))
        << (actual - expected).abs().max();
  };
  near(a.output, b.output);
  near(a.of_x, b.of_x);
  near(a.of_weight, b.of_weight);
  near(a.of_bias, b.of_bias);
}

TEST(GemmConvolutionTest, EqualsLibTorchsInOutputAndGradients) {
  for (const Case& c : Cases()) {
    const ConvOptions& o = c.options;
    const auto ours = [&](const Tensor& x, const Tensor& weight,
                          const Tensor& bias) {
      return GemmConvolution(x, weight, bias, o);
    };
    const auto theirs = [&](const Tensor& x, const Tensor& weight,
                            const Tensor& bias) {
      return at::conv2d(x, weight, bias, o.stride, o.padding);
    };
    ExpectNear(Convolve(c, torch::kFloat32, ours),
               Convolve(c, torch::kFloat32, theirs), 1e-4);
  }
}

TEST(GemmConvolutionTest, StaysWithinARoundingInHalfPrecision) {
  for (const Case& c : Cases()) {
    const auto in = [&](torch::ScalarType format) {
      return Convolve(
          c, format,
          [&](const Tensor& x, const Tensor& weight, const Tensor& bias) {
            return GemmConvolution(x, weight, bias, c.options);
          });
    };
    Convolved half = in(torch::kBFloat16);
    for (Tensor* value :
         {&half.output, &half.of_x, &half.of_weight, &half.of_bias}) {
      EXPECT_EQ(value->scalar_type(), torch::kBFloat16);
      *value = value->to(torch::kFloat32);
    }
    ExpectNear(half, in(torch::kFloat32), 0.15);
  }
}

TEST(GemmConvolutionTest, IsPreferredWhereWeightsOutweighThePicture) {
  const ConvOptions options;
  const auto prefers = [&](int64_t channels, int64_t side) {
    return PrefersGemm(torch::empty({1, channels, side, side}),
                       torch::empty({channels, channels, 3, 3}), options);
  };
  EXPECT_TRUE(prefers(1280, 8));
  EXPECT_FALSE(prefers(320, 64));
  EXPECT_FALSE(prefers(8, 8));
  EXPECT_FALSE(PrefersGemm(torch::empty({1, 1280, 8, 8}),
                           torch::empty({1280, 1280, 1, 1}),
                           ConvOptions{1, 1, 0}));
  EXPECT_FALSE(PrefersGemm(torch::empty({1, 64, 4, 4}, torch::kMeta),
                           torch::empty({64, 64, 3, 3}, torch::kMeta),
                           options));
}

}  // namespace
}  // namespace atelier::trainer
