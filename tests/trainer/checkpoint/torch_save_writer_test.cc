#include "trainer/checkpoint/torch_save_writer.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

std::vector<TensorToSave> SomeTensors() {
  return {{"weight", torch::arange(6, torch::kFloat32).view({2, 3}),
           torch::kBFloat16},
          {"strided", torch::arange(6, torch::kFloat32).view({2, 3}).t(),
           torch::kFloat32},
          {"ids", torch::arange(4), torch::kHalf},
          {"scalar", torch::tensor(2.5f), torch::kHalf},
          {"nothing", torch::empty({0, 3}), torch::kFloat32}};
}

TEST(TorchSaveWriterTest, IsReadBackTensorForTensor) {
  const atelier::testing::TempDir dir;
  const std::string path = dir.File("a.ckpt");
  const auto saved = WriteTorchSave(path, SomeTensors(), CkptProgress{3, 700});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->size_bytes,
            static_cast<int64_t>(std::filesystem::file_size(path)));
  const auto source = OpenCheckpoint(path);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_EQ((*source)->index().size(), 5u);
  for (const TensorToSave& entry : SomeTensors()) {
    const Tensor read = (*source)->Read(entry.name).value();
    const bool is_float = entry.tensor.is_floating_point();
    EXPECT_EQ(read.scalar_type(), is_float ? entry.dtype : torch::kInt64);
    EXPECT_TRUE(read.to(entry.tensor.dtype()).equal(entry.tensor))
        << entry.name;
  }
}

TEST(TorchSaveWriterTest, SavesTheSameBytesEachTime) {
  const atelier::testing::TempDir dir;
  const auto one = WriteTorchSave(dir.File("a.bin"), SomeTensors());
  const auto two = WriteTorchSave(dir.File("b.bin"), SomeTensors());
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->sha256, two->sha256);
}

TEST(TorchSaveWriterTest, NamesWhatATypeCannotHoldAndLeavesNothing) {
  const atelier::testing::TempDir dir;
  const auto saved = WriteTorchSave(
      dir.File("a.ckpt"), {{"big", torch::tensor({1e9f}), torch::kHalf}});
  EXPECT_TRUE(absl::IsInvalidArgument(saved.status()));
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr("'big'"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(TorchSaveWriterTest, NamesAFolderThatIsMissing) {
  const auto saved = WriteTorchSave("/nowhere/a.ckpt", SomeTensors());
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace atelier::trainer
