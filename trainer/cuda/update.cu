// A launch takes a batch of tensors of one rule as its argument: blockIdx.y
// says which, and its blocks share the elements by a strided loop around the
// element function, which the CPU runs too. States in 8 bits: a block of
// threads takes one block of the quantisation at a time.
#include <algorithm>

#include "trainer/cuda/update.h"
#include "trainer/optim/element/block_quantisation.h"
#include "trainer/optim/element/element_rules.h"

namespace atelier::trainer {
namespace {

// Kernel arguments may have 4 KiB on every architecture.
constexpr int kUpdatesPerLaunch = 32;
constexpr int kThreads = kQuantisationBlock;
// Elements a thread updates before another block is worth starting.
constexpr int64_t kElementsPerThread = 8;
constexpr int64_t kMaxBlocks = 1024;

struct UpdateBatch {
  ElementUpdate updates[kUpdatesPerLaunch];
};
static_assert(sizeof(UpdateBatch) <= 4096, "too large for a kernel argument");

__constant__ const QuantisationMap kSignedMap = MakeQuantisationMap(true);
__constant__ const QuantisationMap kUnsignedMap = MakeQuantisationMap(false);

__device__ const float* MapOf(int state) {
  return state == 0 ? kSignedMap.values : kUnsignedMap.values;
}

__device__ float ReadAt(const void* memory, NumberFormat format, int64_t i) {
  if (format == NumberFormat::kFloat32) {
    return static_cast<const float*>(memory)[i];
  }
  const uint16_t half = static_cast<const uint16_t*>(memory)[i];
  return format == NumberFormat::kBfloat16 ? FromBfloat16(half)
                                           : FromFloat16(half);
}

__device__ void WriteAt(void* memory, NumberFormat format, int64_t i,
                        float value, uint64_t key) {
  if (format == NumberFormat::kFloat32) {
    static_cast<float*>(memory)[i] = value;
  } else if (format == NumberFormat::kBfloat16) {
    static_cast<uint16_t*>(memory)[i] =
        ToBfloat16(value, RandomBits(key, static_cast<uint32_t>(i)));
  } else {
    static_cast<uint16_t*>(memory)[i] = ToFloat16(value);
  }
}

template <typename Rule>
__device__ void UpdateElement(const ElementUpdate& update, int64_t i) {
  float weight = ReadAt(update.weight, update.weight_format, i);
  float state[kMaxStates] = {};
  for (int s = 0; s < Rule::kStates; ++s) {
    state[s] = ReadAt(update.state[s], update.state_format, i);
  }
  Rule::Apply(update.factors, ReadAt(update.grad, update.grad_format, i),
              weight, state[0], state[1]);
  WriteAt(update.weight, update.weight_format, i, weight, update.rounding_key);
  for (int s = 0; s < Rule::kStates; ++s) {
    WriteAt(update.state[s], update.state_format, i, state[s],
            StateRoundingKey(update.rounding_key, s));
  }
}

// The largest of all threads' values, which are not negative.
__device__ float LargestOfBlock(float value) {
  __shared__ float largest[kThreads];
  largest[threadIdx.x] = value;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      largest[threadIdx.x] =
          fmaxf(largest[threadIdx.x], largest[threadIdx.x + half]);
    }
    __syncthreads();
  }
  const float result = largest[0];
  __syncthreads();
  return result;
}

// All threads of the block: elements [block * kThreads, …) of the tensor.
template <typename Rule>
__device__ void UpdateBlock(const ElementUpdate& update, int64_t block) {
  const int64_t i = block * kThreads + threadIdx.x;
  const bool exists = i < update.elements;
  float state[kMaxStates] = {};
  if (exists) {
    for (int s = 0; s < Rule::kStates; ++s) {
      const uint8_t code = static_cast<const uint8_t*>(update.state[s])[i];
      state[s] = MapOf(s)[code] * update.absmax[s][block];
    }
    float weight = ReadAt(update.weight, update.weight_format, i);
    Rule::Apply(update.factors, ReadAt(update.grad, update.grad_format, i),
                weight, state[0], state[1]);
    WriteAt(update.weight, update.weight_format, i, weight,
            update.rounding_key);
  }
  for (int s = 0; s < Rule::kStates; ++s) {
    const float absmax = LargestOfBlock(exists ? fabsf(state[s]) : 0.0f);
    if (threadIdx.x == 0) update.absmax[s][block] = absmax;
    if (!exists) continue;
    const int point = NearestPoint(state[s] / (absmax > 0 ? absmax : 1.0f));
    static_cast<uint8_t*>(update.state[s])[i] = NearestCode(MapOf(s), point);
  }
}

template <typename Rule>
__global__ void UpdateKernel(const __grid_constant__ UpdateBatch batch) {
  const ElementUpdate& update = batch.updates[blockIdx.y];
  if (update.state_format == NumberFormat::kBlocks8) {
    const int64_t blocks = (update.elements + kThreads - 1) / kThreads;
    for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
      UpdateBlock<Rule>(update, block);
    }
    return;
  }
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t first =
      static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < update.elements; i += stride) {
    UpdateElement<Rule>(update, i);
  }
}

// Updates of one rule.
cudaError_t LaunchBatch(const UpdateBatch& batch, int64_t count,
                        cudaStream_t stream) {
  int64_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, batch.updates[i].elements);
  }
  if (largest == 0) return cudaSuccess;
  const int64_t per_block = kThreads * kElementsPerThread;
  const int64_t blocks =
      std::min(kMaxBlocks, (largest + per_block - 1) / per_block);
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(count));
  VisitRule(batch.updates[0].rule, [&](auto rule) {
    UpdateKernel<decltype(rule)><<<grid, kThreads, 0, stream>>>(batch);
  });
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchUpdates(const ElementUpdate* updates, int64_t count,
                          cudaStream_t stream) {
  for (int64_t first = 0; first < count;) {
    UpdateBatch batch = {};
    int64_t taken = 0;
    while (taken < kUpdatesPerLaunch && first + taken < count &&
           updates[first + taken].rule == updates[first].rule) {
      batch.updates[taken] = updates[first + taken];
      ++taken;
    }
    const cudaError_t error = LaunchBatch(batch, taken, stream);
    if (error != cudaSuccess) return error;
    first += taken;
  }
  return cudaSuccess;
}

}  // namespace atelier::trainer
