// Marks functions that nvcc compiles for the GPU too. Everything in this folder
// is C++17 without LibTorch.
#pragma once

#if defined(__CUDACC__)
#define ATELIER_HOST_DEVICE __host__ __device__
#else
#define ATELIER_HOST_DEVICE
#endif
