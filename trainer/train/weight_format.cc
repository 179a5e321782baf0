#include "trainer/train/weight_format.h"

#include <memory>

#include "trainer/checkpoint/mapped_tensor.h"
#include "trainer/nn/layers.h"

namespace atelier::trainer {
namespace {

bool IsHalf(const Tensor& tensor) {
  return tensor.scalar_type() == torch::kBFloat16 ||
         tensor.scalar_type() == torch::kHalf;
}

// Whole modules go straight to the device. Blocks that are swapped stay in host
// memory, and which ones is not known yet.
torch::Device DeviceOfTrained(const Training& training) {
  return training.loop.blocks_to_swap > 0 ? torch::Device(torch::kCPU)
                                          : training.device;
}

}  // namespace

void ConvertWeights(torch::nn::Module& module, torch::ScalarType type,
                    torch::Device device) {
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : module.parameters()) {
    if (!parameter.is_floating_point()) continue;
    const Tensor stored = parameter.detach();
    Tensor weights = stored.to(type).to(device);
    if (IsMapped(weights)) weights = weights.clone();
    parameter.set_data(weights);
    DropPages(stored);
  }
}

void WidenFrozenWeights(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const std::shared_ptr<torch::nn::Module>& part : module.modules()) {
    const bool is_linear = part->as<LinearImpl>() != nullptr;
    for (Tensor& parameter : part->parameters(/*recurse=*/false)) {
      if (!IsHalf(parameter) || is_linear) continue;
      parameter.set_data(parameter.detach().to(torch::kFloat32));
    }
  }
}

void SettleWeights(const Training& training) {
  const v1::TrainingConfig& config = training.spec.training();
  const torch::ScalarType type =
      training.loop.weight_type.value_or(torch::kFloat32);
  // Where only caches are filled the denoiser is not used at all.
  if (!config.run().warm_cache()) {
    ConvertWeights(*training.model.denoiser,
                   TrainsDenoiser(config) ? type : torch::kFloat32,
                   DeviceOfTrained(training));
  }
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (TextEncoderLearningRate(training.spec, encoder.name) > 0) {
      ConvertWeights(*encoder.module, type, training.device);
    } else {
      WidenFrozenWeights(*encoder.module);
    }
  }
}

}  // namespace atelier::trainer
