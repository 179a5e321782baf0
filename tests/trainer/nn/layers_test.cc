#include "trainer/nn/layers.h"

#include "gtest/gtest.h"

#include "trainer/nn/attention.h"
#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer {
namespace {

TEST(LayersTest, AgreeWithTheLayersOfLibTorch) {
  torch::manual_seed(1);
  torch::nn::Conv2d theirs(
      torch::nn::Conv2dOptions(3, 5, 3).stride(2).padding(1));
  Conv2d ours(3, 5, ConvOptions{3, 2, 1});
  ours->weight.copy_(theirs->weight.detach());
  ours->bias.copy_(theirs->bias.detach());
  const Tensor x = torch::randn({2, 3, 9, 7});
  EXPECT_TRUE(ours(x).equal(theirs(x)));
}

TEST(LayersTest, MakeNoGradients) {
  for (const Tensor& parameter : Linear(3, 2)->parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
  }
  EXPECT_EQ(Linear(3, 2, false)->parameters().size(), 1);
}

TEST(AttentionTest, AgreesWithTheFormulaForEachHead) {
  torch::manual_seed(2);
  const Tensor q = torch::randn({2, 3, 8}), k = torch::randn({2, 5, 8}),
               v = torch::randn({2, 5, 8});
  AttentionOptions options;
  options.heads = 2;
  const Tensor actual = Attend(q, k, v, options);
  for (int64_t head = 0; head < 2; ++head) {
    const auto part = [&](const Tensor& x) { return x.narrow(2, 4 * head, 4); };
    const Tensor scores =
        torch::softmax(part(q).matmul(part(k).transpose(1, 2)) / 2, -1);
    EXPECT_TRUE(
        torch::allclose(part(actual), scores.matmul(part(v)), 1e-5, 1e-6));
  }
}

TEST(AttentionTest, SeesNoLaterKeysWhenCausal) {
  torch::manual_seed(3);
  const Tensor x = torch::randn({1, 4, 8});
  Tensor changed = x.clone();
  changed.select(1, 3).fill_(9);
  AttentionOptions options;
  options.heads = 2;
  options.causal = true;
  const Tensor before = Attend(x, x, x, options).narrow(1, 0, 3);
  const Tensor after = Attend(changed, changed, changed, options);
  EXPECT_TRUE(torch::allclose(before, after.narrow(1, 0, 3)));
}

TEST(AttentionTest, RefusesWidthsThatHeadsDoNotDivide) {
  const Tensor x = torch::zeros({1, 2, 6});
  AttentionOptions options;
  options.heads = 4;
  EXPECT_THROW(Attend(x, x, x, options), c10::Error);
  options.heads = 0;
  EXPECT_THROW(Attend(x, x, x, options), c10::Error);
}

TEST(TimestepEmbeddingTest, BeginsWithCosinesOfFallingFrequencies) {
  const Tensor out = TimestepEmbedding(torch::tensor({0, 10}), 4);
  EXPECT_TRUE(out[0].equal(torch::tensor({1.0f, 1.0f, 0.0f, 0.0f})));
  EXPECT_NEAR(out[1][0].item<double>(), std::cos(10.0), 1e-6);
  EXPECT_NEAR(out[1][1].item<double>(), std::cos(0.1), 1e-6);
  EXPECT_NEAR(out[1][2].item<double>(), std::sin(10.0), 1e-6);
}

TEST(TimestepEmbeddingTest, TurnsSinesFirstAndFillsOddWidths) {
  TimestepEmbeddingOptions options;
  options.cos_first = false;
  const Tensor out = TimestepEmbedding(torch::tensor({0.0}), 5, options);
  EXPECT_TRUE(out[0].equal(torch::tensor({0.0f, 0.0f, 1.0f, 1.0f, 0.0f})));
}

}  // namespace
}  // namespace atelier::trainer
