// The entry point of libatelier_cuda.so. Only host code; the kernels are in the
// .cu files.
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <string_view>

#include "trainer/cuda/cuda_api.h"
#include "trainer/cuda/update.h"

namespace atelier::trainer {
namespace {

// Makes a device current and gives the former one back.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) {
    error_ = cudaGetDevice(&before_);
    if (error_ == cudaSuccess) error_ = cudaSetDevice(device);
  }
  ~CurrentDevice() { cudaSetDevice(before_); }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

  cudaError_t error() const { return error_; }

 private:
  int before_ = 0;
  cudaError_t error_ = cudaSuccess;
};

const char* ErrorText(int code) {
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}

int DriverVersion(int* version) { return cudaDriverGetVersion(version); }

int DeviceCount(int* count) { return cudaGetDeviceCount(count); }

int DescribeDevice(int index, CudaDeviceInfo* info) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) return error;
  *info = {};
  std::string_view(properties.name).copy(info->name, sizeof(info->name) - 1);
  info->major = properties.major;
  info->minor = properties.minor;
  info->total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  return cudaSuccess;
}

void* CurrentStream(int index) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(index))
      .stream();
}

int Update(int device, const ElementUpdate* updates, int64_t count,
           void* stream) {
  const CurrentDevice current(device);
  if (current.error() != cudaSuccess) return current.error();
  return LaunchUpdates(updates, count, static_cast<cudaStream_t>(stream));
}

constexpr CudaApi kApi = {ErrorText,      DriverVersion, DeviceCount,
                          DescribeDevice, CurrentStream, Update};

}  // namespace
}  // namespace atelier::trainer

extern "C" __attribute__((visibility("default")))
const atelier::trainer::CudaApi*
AtelierCudaApi(int version) {
  using atelier::trainer::kCudaApiVersion;
  return version == kCudaApiVersion ? &atelier::trainer::kApi : nullptr;
}
