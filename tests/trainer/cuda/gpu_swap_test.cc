// Block swapping on a GPU; skipped with the reason where there is none.
#include "gtest/gtest.h"

#include "trainer/cuda/cuda_loader.h"
#include "trainer/memory/block_runner.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer {
namespace {

// The gradients of eight layers, on the host.
std::vector<Tensor> LayerGradients(torch::Device device, int64_t blocks_to_swap,
                                   bool offload) {
  torch::manual_seed(3);
  BlockRunner::Blocks layers;
  for (int i = 0; i < 8; ++i) {
    layers.push_back(std::make_shared<torch::nn::LinearImpl>(512, 512));
  }
  BlockRunner runner({layers});
  runner.SetGradientCheckpointing(true, offload);
  const absl::Status swapped = runner.SetBlocksToSwap(blocks_to_swap, device);
  EXPECT_TRUE(swapped.ok()) << swapped;
  for (const auto& layer : layers) {
    MoveModule(*layer, device,
               [&](const Tensor& tensor) { return runner.IsSwapped(tensor); });
  }
  // Two passes, so that gradients are added to those at home.
  for (int pass = 0; pass < 2; ++pass) {
    Tensor x = SendTo(torch::randn({256, 512}), device);
    for (size_t i = 0; i < layers.size(); ++i) {
      auto& layer = *layers[i]->as<torch::nn::LinearImpl>();
      x = runner.Run(static_cast<int64_t>(i),
                     [&layer](const std::vector<Tensor>& inputs) {
                       return torch::tanh(layer.forward(inputs[0]));
                     },
                     {x});
    }
    x.square().mean().backward();
  }
  std::vector<Tensor> gradients;
  for (const auto& layer : layers) {
    for (const Tensor& parameter : layer->parameters()) {
      gradients.push_back(parameter.grad().cpu());
    }
  }
  return gradients;
}

TEST(GpuSwapTest, GradientsAreThoseOfAModelThatStaysOnTheGpu) {
  const auto opened = OpenDevice({DeviceRequest::Kind::kCuda, 0});
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const auto expected = LayerGradients(opened->device, 0, false);
  for (const auto& [count, offload] :
       {std::pair{3, false}, std::pair{6, false}, std::pair{0, true}}) {
    const auto found = LayerGradients(opened->device, count, offload);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(found[i].equal(expected[i])) << count << ", tensor " << i;
    }
  }
}

}  // namespace
}  // namespace atelier::trainer
