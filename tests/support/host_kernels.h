// A stand-in for libatelier_cuda.so whose kernels run on the host, over memory
// that is there: the CPU's or the fake accelerator's.
#pragma once

#include "trainer/cuda/cuda_api.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

inline int AdamWOnHost(int, const CudaAdamWTensor* tensors, int64_t count,
                       void*) {
  for (int64_t t = 0; t < count; ++t) {
    const CudaAdamWTensor& tensor = tensors[t];
    for (int64_t i = 0; i < tensor.elements; ++i) {
      const float grad =
          tensor.grad_type == CudaGradType::kFloat32
              ? static_cast<const float*>(tensor.grad)[i]
              : static_cast<float>(
                    static_cast<const at::BFloat16*>(tensor.grad)[i]);
      AdamWElement(tensor.factors, grad, tensor.weight[i], tensor.exp_avg[i],
                   tensor.exp_avg_sq[i]);
    }
  }
  return 0;
}

inline const CudaApi& HostKernels() {
  static const CudaApi kernels = [] {
    CudaApi api = {};
    api.error_text = [](int) { return "an error"; };
    api.current_stream = [](int) -> void* { return nullptr; };
    api.adamw = AdamWOnHost;
    return api;
  }();
  return kernels;
}

}  // namespace atelier::trainer::testing
