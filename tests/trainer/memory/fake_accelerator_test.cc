#include "tests/support/fake_accelerator.h"

#include <ATen/autocast_mode.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/tensor/device.h"

namespace atelier::trainer::testing {
namespace {

using ::testing::HasSubstr;
using Direction = FakeTransfer::Direction;

// Registered before any test's backward pass starts autograd's threads.
const torch::Device kAccelerator = FakeAccelerator::Device();

class FakeAcceleratorTest : public ::testing::Test {
 protected:
  FakeAcceleratorTest() {
    torch::manual_seed(1);
    FakeAccelerator::ClearRecord();
  }
};

TEST_F(FakeAcceleratorTest, RefusesATensorOnTheHostAmongThoseOnTheDevice) {
  const Tensor there = torch::ones({3}).to(kAccelerator);
  try {
    (there + torch::ones({3})).sum();
    FAIL() << "mixed devices were accepted";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                HasSubstr("at least two devices, fake:0 and cpu"));
  }
  EXPECT_NO_THROW(there + torch::tensor(1.0));
}

TEST_F(FakeAcceleratorTest, KnowsLiveAndPeakBytes) {
  const int64_t before = FakeAccelerator::live_bytes();
  FakeAccelerator::ResetPeak();
  {
    const Tensor x = torch::zeros({256}, kAccelerator);
    const Tensor y = x + 1;
    EXPECT_EQ(FakeAccelerator::live_bytes(), before + 2048);
    const Tensor view = y.view({16, 16}).transpose(0, 1).slice(0, 2, 5);
    EXPECT_EQ(FakeAccelerator::live_bytes(), before + 2048);
  }
  EXPECT_EQ(FakeAccelerator::live_bytes(), before);
  EXPECT_EQ(FakeAccelerator::peak_bytes(), before + 2048);
}

TEST_F(FakeAcceleratorTest, CountsWhereTheHostWaits) {
  const Tensor x = torch::arange(4, kAccelerator);
  const FakeLabel label("reading");
  FakeAccelerator::ClearRecord();
  const Tensor y = x * 2;
  EXPECT_TRUE(FakeAccelerator::syncs().empty());
  EXPECT_EQ(y[3].item<int64_t>(), 6);
  EXPECT_EQ(y.index({y > 2}).size(0), 2);
  y.cpu();
  std::vector<std::string> found;
  for (const FakeSync& sync : FakeAccelerator::syncs()) {
    found.push_back(sync.what);
    EXPECT_EQ(sync.label, "reading");
  }
  EXPECT_THAT(found, ::testing::ElementsAre("item", "nonzero", "copy to host"));
}

TEST_F(FakeAcceleratorTest, RecordsTransfersInOrder) {
  const auto pinned = torch::dtype(torch::kFloat32).pinned_memory(true);
  const Tensor page = torch::ones({8}, pinned);
  EXPECT_TRUE(page.is_pinned());
  const Tensor there = torch::empty({8}, kAccelerator);
  there.copy_(page, /*non_blocking=*/true);
  const Tensor half = torch::ones({2}).to(kAccelerator, torch::kHalf);
  there.cpu();
  const auto transfers = FakeAccelerator::transfers();
  ASSERT_EQ(transfers.size(), 3u);
  EXPECT_EQ(transfers[0].direction, Direction::kToDevice);
  EXPECT_EQ(transfers[0].bytes, 32);
  EXPECT_FALSE(transfers[0].blocks);
  EXPECT_TRUE(transfers[1].blocks);
  EXPECT_EQ(transfers[2].direction, Direction::kToHost);
  EXPECT_EQ(FakeAccelerator::TransferredBytes(Direction::kToHost), 32);
  EXPECT_EQ(half.scalar_type(), torch::kHalf);
}

TEST_F(FakeAcceleratorTest, ShowsACopyToTheHostOnlyToWhoWaits) {
  const Tensor there = torch::ones({4}, kAccelerator);
  const Tensor here =
      torch::zeros({4}, torch::dtype(torch::kFloat32).pinned_memory(true));
  here.copy_(there, /*non_blocking=*/true);
  EXPECT_EQ(here.sum().item<float>(), 0);
  c10::Event done(kAccelerator.type());
  done.record(
      c10::impl::VirtualGuardImpl(kAccelerator.type()).getStream(kAccelerator));
  done.synchronize();
  EXPECT_EQ(here.sum().item<float>(), 4);
}

TEST_F(FakeAcceleratorTest, AStreamsWorkLiesUntilAnotherWaitsForIt) {
  const c10::impl::VirtualGuardImpl guard(kAccelerator.type());
  const Tensor page =
      torch::ones({4}, torch::dtype(torch::kFloat32).pinned_memory(true));
  const Tensor there = torch::zeros({4}, kAccelerator);
  c10::Event done(kAccelerator.type());
  {
    const c10::StreamGuard side(guard.getStreamFromGlobalPool(kAccelerator));
    there.copy_(page, /*non_blocking=*/true);
    done.record(guard.getStream(kAccelerator));
  }
  EXPECT_EQ(there.sum().item<float>(), 0);
  done.block(guard.getStream(kAccelerator));
  EXPECT_EQ(there.sum().item<float>(), 4);
}

// Convolution, normalisation, attention, embedding and indexing, forward and
// backward; returns the gradients.
std::vector<Tensor> GradientsOn(torch::Device device) {
  torch::manual_seed(2);
  const auto leaf = [&](at::IntArrayRef shape) {
    return torch::randn(shape).to(device).requires_grad_();
  };
  const std::vector<Tensor> leaves = {leaf({8, 4, 3, 3}), leaf({8}), leaf({8}),
                                      leaf({5, 8}), leaf({8, 8})};
  const Tensor x = torch::randn({2, 4, 6, 6}).to(device);
  Tensor h = torch::conv2d(x, leaves[0], leaves[1], 1, 1);
  h = torch::silu(torch::group_norm(h, 4, leaves[2]));
  h = torch::upsample_nearest2d(h, {12, 12});
  Tensor tokens = h.flatten(2).transpose(1, 2);  // [2, 144, 8]
  const Tensor ids = torch::tensor({0, 3, 3, 1}).to(device);
  tokens = torch::cat(
      {tokens, torch::embedding(leaves[3], ids).expand({2, 4, 8})}, 1);
  tokens = torch::layer_norm(torch::linear(tokens, leaves[4]), {8});
  const Tensor q = tokens.unflatten(2, {2, 4}).transpose(1, 2);
  Tensor out = at::scaled_dot_product_attention(q, q, q, {}, 0.0, true);
  out = out.index({torch::indexing::Slice(), torch::indexing::Slice(),
                   torch::tensor({5, 1}).to(device)});
  torch::mse_loss(out, torch::zeros_like(out)).backward();
  std::vector<Tensor> gradients;
  for (const Tensor& tensor : leaves) gradients.push_back(tensor.grad());
  return gradients;
}

TEST_F(FakeAcceleratorTest, RunsWhatNetworksAreMadeOf) {
  const auto expected = GradientsOn(torch::kCPU);
  const auto found = GradientsOn(kAccelerator);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].device(), kAccelerator);
    EXPECT_TRUE(torch::allclose(found[i].cpu(), expected[i], 1e-4, 1e-6)) << i;
  }
}

TEST_F(FakeAcceleratorTest, MovesModulesAndKeepsTheirParametersTheSame) {
  torch::nn::Linear layer(4, 3);
  const Tensor weight = layer->weight;
  layer->to(kAccelerator);
  EXPECT_EQ(weight.device(), kAccelerator);
  EXPECT_TRUE(weight.is_same(layer->weight));
  layer(torch::ones({2, 4}, kAccelerator)).sum().backward();
  EXPECT_EQ(weight.grad().device(), kAccelerator);
}

TEST_F(FakeAcceleratorTest, TensorsAreSentWithoutAWait) {
  const Tensor here = torch::randn({3, 2}).t();
  const Tensor there = SendTo(here, kAccelerator);
  EXPECT_EQ(there.device(), kAccelerator);
  EXPECT_TRUE(FakeAccelerator::syncs().empty());
  EXPECT_TRUE(there.cpu().equal(here));
}

TEST_F(FakeAcceleratorTest, RunsOptimizersAndForeachOperators) {
  const Tensor weight = torch::randn({4, 4}).to(kAccelerator).requires_grad_();
  torch::optim::AdamW optimizer({weight}, torch::optim::AdamWOptions(0.1));
  weight.square().sum().backward();
  const Tensor before = weight.detach().clone();
  optimizer.step();
  EXPECT_FALSE(before.equal(weight));
  const Tensor gradient = weight.grad();
  at::_foreach_mul_({gradient}, at::Scalar(0.0));
  EXPECT_EQ(gradient.abs().sum().item<float>(), 0);
}

TEST_F(FakeAcceleratorTest, AutocastRunsMatricesInHalfPrecision) {
  const Tensor x = torch::randn({2, 4}).to(kAccelerator);
  const Tensor w = torch::randn({3, 4}).to(kAccelerator).requires_grad_();
  at::autocast::set_autocast_dtype(kAccelerator.type(), torch::kBFloat16);
  at::autocast::set_autocast_enabled(kAccelerator.type(), true);
  const Tensor y = torch::linear(x, w);
  const Tensor normal = torch::layer_norm(y, {3});
  at::autocast::set_autocast_enabled(kAccelerator.type(), false);
  at::autocast::clear_cache();
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(normal.scalar_type(), torch::kFloat32);
  normal.square().sum().backward();
  EXPECT_EQ(w.grad().scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace atelier::trainer::testing
