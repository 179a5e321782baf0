#include "trainer/text/t5_encoder.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

// Weights whose feed-forward layers give values of several 100,000s.
T5Encoder MakeLoudEncoder() {
  const torch::NoGradGuard no_gradients;
  T5Config config;
  config.vocabulary = 16;
  config.width = 64;
  config.feed_forward = 64;
  config.heads = 1;
  config.layers = 2;
  T5Encoder encoder(config);
  torch::manual_seed(1);
  for (auto& item : encoder->named_parameters()) {
    Tensor& weight = item.value();
    weight.normal_(0, item.key().ends_with("wo.weight") ? 1000 : 0.5);
    if (weight.dim() == 1) weight.fill_(1);
  }
  return encoder;
}

TEST(T5EncoderTest, StaysFiniteInHalfPrecision) {
  const torch::NoGradGuard no_gradients;
  T5Encoder encoder = MakeLoudEncoder();
  const Tensor ids = torch::arange(12).view({1, 12});
  const Tensor expected = encoder(ids);
  encoder->to(torch::kFloat16);
  const Tensor half = encoder(ids);
  EXPECT_EQ(half.scalar_type(), torch::kFloat16);
  EXPECT_TRUE(half.isfinite().all().item<bool>());
  EXPECT_LT(((half.to(torch::kFloat32) - expected).norm() / expected.norm())
                .item<double>(),
            0.02);
}

TEST(T5EncoderTest, IgnoresTokensThatTheMaskHides) {
  const torch::NoGradGuard no_gradients;
  T5Encoder encoder = MakeLoudEncoder();
  const Tensor mask = torch::tensor({{1, 1, 1, 0, 0}});
  const Tensor one = encoder(torch::tensor({{4, 5, 6, 7, 8}}), mask);
  const Tensor other = encoder(torch::tensor({{4, 5, 6, 9, 10}}), mask);
  EXPECT_TRUE(torch::allclose(one.slice(1, 0, 3), other.slice(1, 0, 3)));
}

}  // namespace
}  // namespace atelier::trainer
