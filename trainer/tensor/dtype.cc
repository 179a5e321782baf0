#include "trainer/tensor/dtype.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

struct PrecisionRow {
  absl::string_view name;
  torch::ScalarType type;
};
// The first name of a type is the one that is printed.
constexpr PrecisionRow kPrecisions[] = {
    {"float", torch::kFloat32}, {"fp16", torch::kFloat16},
    {"bf16", torch::kBFloat16}, {"fp32", torch::kFloat32},
    {"no", torch::kFloat32},
};

struct SafetensorsRow {
  absl::string_view name;
  torch::ScalarType type;
};
// Source: the format's list of types, safetensors 0.6 (Dtype in its tensor.rs).
constexpr SafetensorsRow kSafetensorsTypes[] = {
    {"BOOL", torch::kBool},
    {"U8", torch::kUInt8},
    {"I8", torch::kInt8},
    {"F8_E5M2", torch::kFloat8_e5m2},
    {"F8_E4M3", torch::kFloat8_e4m3fn},
    {"F8_E8M0", c10::ScalarType::Float8_e8m0fnu},
    {"I16", torch::kInt16},
    {"U16", torch::kUInt16},
    {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16},
    {"I32", torch::kInt32},
    {"U32", torch::kUInt32},
    {"F32", torch::kFloat32},
    {"F64", torch::kFloat64},
    {"I64", torch::kInt64},
    {"U64", torch::kUInt64},
    {"C64", torch::kComplexFloat},
};

}  // namespace

absl::StatusOr<torch::ScalarType> ParsePrecision(absl::string_view name) {
  for (const PrecisionRow& row : kPrecisions) {
    if (row.name == name) return row.type;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "precision is '", name, "'; must be one of float, fp16, bf16"));
}

std::string PrecisionName(torch::ScalarType type) {
  for (const PrecisionRow& row : kPrecisions) {
    if (row.type == type) return std::string(row.name);
  }
  return c10::toString(type);
}

std::optional<torch::ScalarType> FromSafetensorsDtype(absl::string_view name) {
  for (const SafetensorsRow& row : kSafetensorsTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

absl::string_view SafetensorsDtype(torch::ScalarType type) {
  for (const SafetensorsRow& row : kSafetensorsTypes) {
    if (row.type == type) return row.name;
  }
  return "";
}

std::string SafetensorsDtypeNames() {
  std::string names;
  for (const SafetensorsRow& row : kSafetensorsTypes) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", row.name);
  }
  return names;
}

}  // namespace atelier::trainer
