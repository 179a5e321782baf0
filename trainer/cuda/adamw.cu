// A launch takes a batch of tensors as its argument: blockIdx.y says which, and
// its blocks share the elements by a strided loop around AdamWElement, which
// the CPU runs too.
#include <algorithm>

#include "trainer/cuda/adamw.h"

namespace atelier::trainer {
namespace {

// Kernel arguments may have 4 KiB on every architecture; a tensor takes 80
// bytes.
constexpr int kTensorsPerLaunch = 48;
constexpr int kThreads = 256;
// Elements a thread updates before another block is worth starting.
constexpr int64_t kElementsPerThread = 8;
constexpr int64_t kMaxBlocks = 1024;

struct AdamWBatch {
  CudaAdamWTensor tensors[kTensorsPerLaunch];
};
static_assert(sizeof(AdamWBatch) <= 4096, "too large for a kernel argument");

// A bfloat16 is the upper half of a float.
__device__ float GradAt(const CudaAdamWTensor& tensor, int64_t i) {
  if (tensor.grad_type == CudaGradType::kFloat32) {
    return static_cast<const float*>(tensor.grad)[i];
  }
  const uint32_t bits = static_cast<const uint16_t*>(tensor.grad)[i];
  return __uint_as_float(bits << 16);
}

__global__ void AdamWKernel(const __grid_constant__ AdamWBatch batch) {
  const CudaAdamWTensor& tensor = batch.tensors[blockIdx.y];
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t first =
      static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < tensor.elements; i += stride) {
    AdamWElement(tensor.factors, GradAt(tensor, i), tensor.weight[i],
                 tensor.exp_avg[i], tensor.exp_avg_sq[i]);
  }
}

}  // namespace

cudaError_t LaunchAdamW(const CudaAdamWTensor* tensors, int64_t count,
                        cudaStream_t stream) {
  for (int64_t first = 0; first < count; first += kTensorsPerLaunch) {
    const int64_t taken = std::min<int64_t>(kTensorsPerLaunch, count - first);
    AdamWBatch batch = {};
    int64_t largest = 0;
    for (int64_t i = 0; i < taken; ++i) {
      batch.tensors[i] = tensors[first + i];
      largest = std::max(largest, tensors[first + i].elements);
    }
    if (largest == 0) continue;
    const int64_t per_block = kThreads * kElementsPerThread;
    const int64_t blocks =
        std::min(kMaxBlocks, (largest + per_block - 1) / per_block);
    const dim3 grid(static_cast<unsigned>(blocks),
                    static_cast<unsigned>(taken));
    AdamWKernel<<<grid, kThreads, 0, stream>>>(batch);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace atelier::trainer
