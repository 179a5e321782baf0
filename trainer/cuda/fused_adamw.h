// One step of AdamW for many GPU tensors, in few launches and without
// temporaries.
#pragma once

#include <vector>

#include "trainer/cuda/cuda_api.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct FusedAdamWItem {
  Tensor weight;  // these three: fp32, of one shape and order in memory
  Tensor exp_avg;
  Tensor exp_avg_sq;
  Tensor grad;  // fp32 or bf16
  AdamWFactors factors;
};

// Updates weights and states in place, on the stream that LibTorch uses; does
// not wait. Gradients in another order in memory are copied first.
//
// Throws: c10::Error for tensors on several devices, of other types or shapes,
// and for errors of the CUDA runtime.
void StepFusedAdamW(const CudaApi& api,
                    const std::vector<FusedAdamWItem>& items);

}  // namespace atelier::trainer
