#include "trainer/train/weight_format.h"

namespace atelier::trainer {

void ConvertWeights(torch::nn::Module& module, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : module.parameters()) {
    if (!parameter.is_floating_point()) continue;
    parameter.set_data(parameter.detach().to(type));
  }
}

void ConvertTrainedWeights(const Training& training) {
  const std::optional<torch::ScalarType>& type = training.loop.weight_type;
  if (!type.has_value()) return;
  if (TrainsDenoiser(training.spec.training())) {
    ConvertWeights(*training.model.denoiser, *type);
  }
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (TextEncoderLearningRate(training.spec, encoder.name) > 0) {
      ConvertWeights(*encoder.module, *type);
    }
  }
}

}  // namespace atelier::trainer
