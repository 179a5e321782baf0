// Where the weights of networks that are not trained stand in host memory, so
// that a network can leave memory while nobody needs it.
#pragma once

#include <map>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Threads: one at a time.
class HostWeights {
 public:
  // Remembers those of the module's weights that are views of the mapped
  // checkpoint. Before it is moved to a device; it must never be written to.
  void Note(const torch::nn::Module& module);

  // Brings the module back to host memory. What was noted takes none: it is
  // read from the checkpoint again by whoever uses it, here or after
  // MoveModule. Weights that were converted as they were loaded are moved.
  void Release(torch::nn::Module& module) const;

 private:
  std::map<const c10::TensorImpl*, Tensor> noted_;
};

}  // namespace atelier::trainer
