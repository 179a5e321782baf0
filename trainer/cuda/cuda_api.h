// What libatelier_cuda.so offers the trainer, as a plain C interface: the
// library is loaded at run time, and only for a job on a GPU.
//
// Raise kCudaApiVersion with every change here; a library of another version is
// refused.
#pragma once

#include <cstdint>

#include "trainer/optim/element/element_update.h"

namespace atelier::trainer {

inline constexpr int kCudaApiVersion = 2;
// The only symbol that is looked up; its type is CudaApiEntry.
inline constexpr char kCudaApiSymbol[] = "AtelierCudaApi";

struct CudaDeviceInfo {
  char name[256];
  int major;  // compute capability
  int minor;
  int64_t total_bytes;
};

// Functions return 0 or an error code of the CUDA runtime, which `error_text`
// explains.
struct CudaApi {
  const char* (*error_text)(int code);
  // The CUDA version that the installed driver serves (13000 for 13.0); 0
  // without a driver.
  int (*driver_version)(int* version);
  int (*device_count)(int* count);
  int (*describe_device)(int index, CudaDeviceInfo* info);
  // The stream that LibTorch's operators use on this device in this thread.
  void* (*current_stream)(int index);
  // One optimizer step for all tensors, in as few launches as possible; does
  // not wait.
  int (*update)(int device, const ElementUpdate* updates, int64_t count,
                void* stream);
};

// Null for a version that the library does not serve. Threads: any.
using CudaApiEntry = const CudaApi* (*)(int version);

}  // namespace atelier::trainer
