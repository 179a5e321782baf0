#include "trainer/architectures/text_arrays.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

absl::StatusOr<Tensor> FindTextArray(const TextArrays& arrays,
                                     const std::string& name) {
  const auto found = arrays.find(name);
  if (found != arrays.end()) return found->second;
  return absl::FailedPreconditionError(absl::StrCat("has no array ", name));
}

}  // namespace

absl::StatusOr<Tensor> FloatRow(const TextArrays& arrays,
                                const std::string& name,
                                std::initializer_list<int64_t> sizes) {
  ASSIGN_OR_RETURN(const Tensor values, FindTextArray(arrays, name));
  if (values.sizes() != at::IntArrayRef(sizes.begin(), sizes.size()) ||
      !values.is_floating_point()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is [", absl::StrJoin(values.sizes(), ", "),
                     "] of ", torch::toString(values.scalar_type()),
                     "; the encoder gives [", absl::StrJoin(sizes, ", "), "]"));
  }
  return values.to(torch::kFloat32).unsqueeze(0);
}

absl::Status ExpectIntegers(const TextArrays& arrays, const std::string& name,
                            const Tensor& expected) {
  ASSIGN_OR_RETURN(const Tensor values, FindTextArray(arrays, name));
  const Tensor wanted = expected.squeeze(0).to(torch::kInt64);
  if (values.sizes() == wanted.sizes() &&
      values.to(torch::kInt64).equal(wanted)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(name, " is not what the caption's tokens give"));
}

absl::Status ExpectFlag(const TextArrays& arrays, const std::string& option,
                        bool expected) {
  ASSIGN_OR_RETURN(const Tensor value, FindTextArray(arrays, option));
  if (value.numel() == 1 && value.to(torch::kBool).item<bool>() == expected) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("was made ", expected ? "without " : "with ", option));
}

}  // namespace atelier::trainer
