#include "tests/trainer/architectures/full_size_shapes.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "tests/support/shape_list.h"

namespace atelier::trainer::testing {
TensorIndex FullSizeIndex(const std::string& name) {
  const auto entries = atelier::testing::ReadShapeList(
      absl::StrCat(ATELIER_FULL_SIZE_DIR, "/", name, ".txt"));
  EXPECT_TRUE(entries.ok()) << entries.status();
  if (!entries.ok()) return {};
  TensorIndex index;
  for (const atelier::testing::NamedShape& entry : *entries) {
    index[entry.name].shape = entry.shape;
  }
  return index;
}

void ExpectFullSize(const torch::nn::Module& module, const TensorIndex& index) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& parameter : module.named_parameters()) {
    shapes[parameter.key()] = parameter.value().sizes().vec();
  }
  for (const auto& buffer : module.named_buffers()) {
    shapes[buffer.key()] = buffer.value().sizes().vec();
  }
  for (const auto& [name, info] : index) {
    const auto found = shapes.find(name);
    if (found == shapes.end()) {
      ADD_FAILURE() << name << " is missing";
      continue;
    }
    EXPECT_EQ(found->second, info.shape) << name;
    shapes.erase(found);
  }
  for (const auto& [name, shape] : shapes) {
    ADD_FAILURE() << name << " is not in the published checkpoint";
  }
}

}  // namespace atelier::trainer::testing
