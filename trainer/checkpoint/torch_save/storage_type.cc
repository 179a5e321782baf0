#include "trainer/checkpoint/torch_save/storage_type.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

struct StorageRow {
  absl::string_view name;
  torch::ScalarType type;
};
constexpr StorageRow kStorageTypes[] = {
    {"FloatStorage", torch::kFloat32},
    {"HalfStorage", torch::kFloat16},
    {"BFloat16Storage", torch::kBFloat16},
    {"DoubleStorage", torch::kFloat64},
    {"LongStorage", torch::kInt64},
    {"IntStorage", torch::kInt32},
    {"ShortStorage", torch::kInt16},
    {"CharStorage", torch::kInt8},
    {"ByteStorage", torch::kUInt8},
    {"BoolStorage", torch::kBool},
    {"Float8_e4m3fnStorage", torch::kFloat8_e4m3fn},
    {"Float8_e5m2Storage", torch::kFloat8_e5m2},
};

}  // namespace

std::optional<torch::ScalarType> StorageType(absl::string_view name) {
  for (const StorageRow& row : kStorageTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

absl::StatusOr<absl::string_view> StorageTypeName(torch::ScalarType type) {
  for (const StorageRow& row : kStorageTypes) {
    if (row.type == type) return row.name;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("type ", c10::toString(type),
                   " has no storage that torch.load reads; save as float, fp16 "
                   "or bf16"));
}

}  // namespace atelier::trainer
