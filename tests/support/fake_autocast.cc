// Autocast on the fake accelerator: LibTorch's own lists of operators, as for
// CUDA.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/library.h>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {

void RegisterFakeAutocast() {
  using torch::Library;
  // What LibTorch's macros name without its namespace.
  using at::DimnameList;
  using at::IntArrayRef;
  using at::Scalar;
  using at::ScalarType;
  static Library all(Library::IMPL, "_", c10::DispatchKey::AutocastPrivateUse1,
                     __FILE__, __LINE__);
  all.fallback(torch::CppFunction::makeFallthrough());
  static Library m(Library::IMPL, "aten", c10::DispatchKey::AutocastPrivateUse1,
                   __FILE__, __LINE__);
#define LOWER(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define WIDE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
#define WIDE_IF_UNSET(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32_set_opt_dtype)
#define PROMOTE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, promote)
  AT_FORALL_LOWER_PRECISION_FP(LOWER)
  AT_FORALL_FP32(WIDE)
  AT_FORALL_FP32_SET_OPT_DTYPE(WIDE_IF_UNSET)
  AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE(
      KERNEL_DIFFERENT_REDISPATCH_SIGNATURE_PRIVATEUSEONE)
  AT_FORALL_PROMOTE(PROMOTE)
#undef LOWER
#undef WIDE
#undef WIDE_IF_UNSET
#undef PROMOTE
}

}  // namespace atelier::trainer::testing
