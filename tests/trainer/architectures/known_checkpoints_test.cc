#include "trainer/architectures/known_checkpoints.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/architectures/architecture.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

TEST(KnownCheckpointsTest, NamesLoraBeforeTheModelItIsFor) {
  const TensorIndex index = {{"lora_unet_input_blocks.0.lora_down.weight", {}}};
  EXPECT_THAT(DescribeCheckpoint(index), HasSubstr("LoRA"));
}

TEST(KnownCheckpointsTest, ShowsTheFirstNameOfAnUnknownOne) {
  const TensorIndex index = {{"conv.weight", {}}, {"fc.weight", {}}};
  EXPECT_THAT(DescribeCheckpoint(index), HasSubstr("2 tensors"));
  EXPECT_THAT(DescribeCheckpoint(index), HasSubstr("conv.weight"));
}

TEST(RegistryTest, NamesWhatExistsForAnUnknownName) {
  const auto found = FindArchitecture("sd15");
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("sd15"));
  for (const Architecture& row : AllArchitectures()) {
    EXPECT_THAT(std::string(found.status().message()),
                HasSubstr(std::string(row.name)));
  }
}

}  // namespace
}  // namespace atelier::trainer
