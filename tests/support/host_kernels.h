// A stand-in for libatelier_cuda.so whose kernels run on the host, over memory
// that is there: the CPU's or the fake accelerator's.
#pragma once

#include "trainer/cuda/cuda_api.h"
#include "trainer/optim/element/element_loop.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

inline int UpdateOnHost(int, const ElementUpdate* updates, int64_t count,
                        void*) {
  for (int64_t i = 0; i < count; ++i) {
    RunElements(updates[i], 0, updates[i].elements);
  }
  return 0;
}

inline const CudaApi& HostKernels() {
  static const CudaApi kernels = [] {
    CudaApi api = {};
    api.error_text = [](int) { return "an error"; };
    api.current_stream = [](int) -> void* { return nullptr; };
    api.update = UpdateOnHost;
    return api;
  }();
  return kernels;
}

}  // namespace atelier::trainer::testing
