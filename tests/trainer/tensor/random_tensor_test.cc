#include "trainer/tensor/random_tensor.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(BatchRngTest, ARowDoesNotDependOnItsBatch) {
  const BatchRng whole{5, 2, 10};
  const BatchRng second{5, 2, 11};
  const Tensor batch = whole.Normal(RngPurpose::kNoise, {3, 4, 2});
  const Tensor alone = second.Normal(RngPurpose::kNoise, {1, 4, 2});
  EXPECT_TRUE(batch[1].equal(alone[0]));
  EXPECT_FALSE(batch[0].equal(batch[1]));
}

TEST(BatchRngTest, TheIndexTellsStreamsOfOnePurposeApart) {
  const BatchRng rng{5, 2, 10};
  const Tensor first = rng.Normal(RngPurpose::kMultiresNoise, {1, 8}, 0);
  const Tensor second = rng.Normal(RngPurpose::kMultiresNoise, {1, 8}, 1);
  EXPECT_FALSE(first.equal(second));
}

TEST(BatchRngTest, NumberOfThreadsDoesNotMatter) {
  const BatchRng rng{5, 2, 10};
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const Tensor one = rng.Normal(RngPurpose::kNoise, {8, 1000});
  torch::set_num_threads(2);
  const Tensor two = rng.Normal(RngPurpose::kNoise, {8, 1000});
  torch::set_num_threads(threads);
  EXPECT_TRUE(one.equal(two));
}

TEST(BatchRngTest, UniformNumbersAreBelowOne) {
  const BatchRng rng{5, 2, 10};
  const Tensor values = rng.Uniform(RngPurpose::kTimestep, {4, 10000});
  EXPECT_GE(values.min().item<float>(), 0);
  EXPECT_LT(values.max().item<float>(), 1);
  EXPECT_NEAR(values.mean().item<float>(), 0.5, 0.01);
}

TEST(BatchRngTest, AnEmptyBatchIsEmpty) {
  const BatchRng rng{5, 2, 10};
  EXPECT_EQ(rng.Normal(RngPurpose::kNoise, {0, 3}).numel(), 0);
}

}  // namespace
}  // namespace atelier::trainer
