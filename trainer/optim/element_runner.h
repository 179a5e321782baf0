// Runs element updates where their tensors are: a threaded loop on the CPU, and
// on a GPU the kernels of libatelier_cuda.so, many parameters a launch.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "trainer/cuda/cuda_api.h"
#include "trainer/optim/optimizer.h"

namespace atelier::trainer {

// One parameter in one step. Any format of number that ElementUpdate knows; on
// a device without kernels the update is made in host memory and copied back.
struct ElementItem {
  Tensor weight;
  Tensor grad;                           // may be on another device
  std::array<Tensor, kMaxStates> state;  // in the weight's order in memory
  std::array<Tensor, kMaxStates> absmax;
  UpdateRule rule = UpdateRule::kAdamW;
  ElementUpdate::Factors factors{};
  uint64_t rounding_key = 0;
};

// Throws: c10::Error for a type that no update takes.
NumberFormat FormatOf(const Tensor& tensor);
// The gradient in the weight's order in memory and on its device.
Tensor InOrderOf(const Tensor& weight, const Tensor& grad);

class ElementRunner {
 public:
  // `kernels` update what is on a device; null: those of libatelier_cuda.so,
  // which is loaded if a parameter is on a GPU.
  ElementRunner(const std::vector<ParameterGroup>& groups,
                const CudaApi* kernels);

  // In place. Does not wait for a device that has kernels.
  //
  // Throws: c10::Error for tensors of other shapes or formats, and for errors
  // of the CUDA runtime.
  void Run(const std::vector<ElementItem>& items) const;

  // How GPU weights are updated; empty without any.
  const std::string& description() const { return description_; }

 private:
  void RunOnDevice(const std::vector<const ElementItem*>& items) const;

  const CudaApi* kernels_;
  std::string description_;
};

}  // namespace atelier::trainer
