#include "trainer/train/host_weights.h"

#include "trainer/checkpoint/mapped_tensor.h"

namespace atelier::trainer {

void HostWeights::Note(const torch::nn::Module& module) {
  for (const auto& tensors : {module.parameters(), module.buffers()}) {
    for (const Tensor& tensor : tensors) {
      if (IsMapped(tensor)) {
        noted_[tensor.unsafeGetTensorImpl()] = tensor.detach();
      }
    }
  }
}

void HostWeights::Release(torch::nn::Module& module) const {
  const torch::NoGradGuard no_grad;
  for (const auto& tensors : {module.parameters(), module.buffers()}) {
    for (const Tensor& tensor : tensors) {
      const auto home = noted_.find(tensor.unsafeGetTensorImpl());
      if (home == noted_.end()) {
        tensor.set_data(tensor.detach().to(torch::kCPU));
        continue;
      }
      tensor.set_data(home->second);
      DropPages(home->second);
    }
  }
}

}  // namespace atelier::trainer
