#include "trainer/architectures/architecture.h"

namespace atelier::trainer {

void AllowTraining(torch::nn::Module& module) {
  for (Tensor& parameter : module.parameters()) {
    parameter.set_requires_grad(true);
  }
}

bool IsChosen(const torch::nn::Module& text_encoder, EncoderChoice choice) {
  if (choice == EncoderChoice::kAll) return true;
  bool is_trained = false;
  for (const Tensor& parameter : text_encoder.parameters()) {
    is_trained = is_trained || parameter.requires_grad();
  }
  return is_trained == (choice == EncoderChoice::kTrained);
}

}  // namespace atelier::trainer
