#include "trainer/checkpoint/saved_type.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "trainer/tensor/dtype.h"

namespace atelier::trainer {
namespace {

// A sum is finite only if every element is, and costs no memory; a sum of
// finite values that overflows is looked at again.
bool HasOnlyFinite(const Tensor& tensor) {
  if (std::isfinite(tensor.sum(torch::kFloat64).item<double>())) return true;
  return tensor.isfinite().all().item<bool>();
}

}  // namespace

absl::StatusOr<Tensor> ToSavedType(const std::string& name,
                                   const Tensor& tensor,
                                   torch::ScalarType type) {
  const Tensor source = tensor.detach().to(torch::kCPU).contiguous();
  if (source.scalar_type() == type) return source;
  Tensor result = source.to(type);
  if (!HasOnlyFinite(result.to(torch::kFloat32)) && HasOnlyFinite(source)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", name, "' holds values up to ",
        source.abs().max().item<double>(), ", which ", PrecisionName(type),
        " cannot hold; save as float or bf16"));
  }
  return result;
}

}  // namespace atelier::trainer
