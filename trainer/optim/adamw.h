// AdamW with the numbers of torch.optim.AdamW.
//
// State of a parameter: exp_avg, exp_avg_sq (fp32, shape of the parameter),
// step. Weights in fp32 with gradients in fp32 or bf16 are updated in one pass
// without temporaries: on the CPU, and on a GPU by the kernel of
// libatelier_cuda.so, many parameters a launch. Anything else goes through
// LibTorch's operators.
//
// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
#pragma once

#include <string>
#include <vector>

#include "trainer/cuda/cuda_api.h"
#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

class AdamW : public GroupedOptimizer {
 public:
  // `kernels` updates what is on a device; null: those of libatelier_cuda.so,
  // which is loaded if a parameter is on a GPU.
  AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options,
        const CudaApi* kernels = nullptr);

  std::string Describe() const override { return description_; }

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateAll(std::vector<Update>& updates) override;
  void UpdateOne(Update& update) override;
  void UpdateWithOperators(Update& update) const;
  void UpdateOnDevice(const std::vector<Update*>& updates) const;
  AdamWFactors FactorsOf(const Update& update) const;
  bool FitsKernel(const Update& update) const;
  void FindKernels();

  AdamWOptions options_;
  const CudaApi* kernels_;
  std::string description_;
};

}  // namespace atelier::trainer
