#include "trainer/train/describe.h"

#include "trainer/architectures/architecture.h"
#include "trainer/cuda/cuda_loader.h"
#include "trainer/diffusion/samplers/sampler.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer {

Capabilities Describe() {
  Capabilities capabilities;
  for (const Architecture& architecture : AllArchitectures()) {
    capabilities.architectures.emplace_back(architecture.name);
  }
  for (const OptimizerKind& kind : AllOptimizers()) {
    capabilities.optimizers.emplace_back(kind.name);
  }
  for (const Sampler& sampler : AllSamplers()) {
    capabilities.samplers.emplace_back(sampler.name);
  }
  const absl::StatusOr<const CudaApi*> cuda = LoadCuda();
  capabilities.has_cuda = cuda.ok();
  if (!cuda.ok()) {
    capabilities.cuda_message = std::string(cuda.status().message());
  }
  capabilities.torch_version = TORCH_VERSION;
  return capabilities;
}

}  // namespace atelier::trainer
