#include "trainer/checkpoint/diffusers_folder.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class DiffusersFolderTest : public ::testing::Test {
 protected:
  DiffusersFolderTest() {
    std::filesystem::create_directory(dir_.File("unet"));
    Write("model_index.json",
          R"({"_class_name": "P", "unet": ["diffusers", "U"],)"
          R"( "safety_checker": ["x", "y"], "vae": [null, null]})");
  }
  void Write(const std::string& name, const std::string& contents) {
    ASSERT_TRUE(WriteFileAtomically(dir_.File(name), contents).ok());
  }
  void WriteWeights(const std::string& name, const std::string& tensor) {
    ASSERT_TRUE(WriteSafetensors(dir_.File("unet/" + name),
                                 {{tensor, torch::ones({2})}})
                    .ok());
  }
  std::string Error() {
    return std::string(OpenCheckpoint(dir_.path()).status().message());
  }

  atelier::testing::TempDir dir_;
};

TEST_F(DiffusersFolderTest, AComponentsTensorsCarryItsName) {
  WriteWeights("diffusion_pytorch_model.safetensors", "w.x");
  const auto source = OpenCheckpoint(dir_.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->Read("unet/w.x")->equal(torch::ones({2})));
  EXPECT_EQ((*source)->index().size(), 1u);
  EXPECT_EQ((*source)->Digest()->size(), 64u);
}

TEST_F(DiffusersFolderTest, TheHalfPrecisionVariantStandsIn) {
  WriteWeights("diffusion_pytorch_model.fp16.safetensors", "half");
  EXPECT_EQ((*OpenCheckpoint(dir_.path()))->index().count("unet/half"), 1u);
  WriteWeights("diffusion_pytorch_model.safetensors", "full");
  EXPECT_EQ((*OpenCheckpoint(dir_.path()))->index().count("unet/full"), 1u);
}

TEST_F(DiffusersFolderTest, ShardsArePutTogether) {
  WriteWeights("a.safetensors", "first");
  WriteWeights("b.safetensors", "second");
  Write("unet/diffusion_pytorch_model.safetensors.index.json",
        R"({"weight_map": {"first": "a.safetensors",)"
        R"( "second": "b.safetensors"}})");
  const auto source = OpenCheckpoint(dir_.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->index().count("unet/first"), 1u);
  EXPECT_EQ((*source)->index().count("unet/second"), 1u);
}

TEST_F(DiffusersFolderTest, AnIndexThatDoesNotFitItsShardsIsRefused) {
  const char* index = "unet/diffusion_pytorch_model.safetensors.index.json";
  WriteWeights("a.safetensors", "first");
  Write(index, R"({"weight_map": {"other": "a.safetensors"}})");
  EXPECT_THAT(Error(), HasSubstr("a.safetensors lacks tensor 'other'"));
  Write(index, R"({"weight_map": {"first": "c.safetensors"}})");
  EXPECT_THAT(Error(), HasSubstr("unet/c.safetensors is missing"));
  for (const char* name : {"../a.safetensors", "/etc/passwd", "..", ""}) {
    Write(index, std::string(R"({"weight_map": {"first": ")") + name + "\"}}");
    EXPECT_THAT(Error(), HasSubstr("must be the name of a file beside"));
  }
  Write(index, "{}");
  EXPECT_THAT(Error(), HasSubstr("has no weight_map"));
}

TEST_F(DiffusersFolderTest, AFolderWithoutWeightsOrIndexIsRefused) {
  EXPECT_THAT(Error(), HasSubstr("unet/ has no weights"));
  std::filesystem::remove(dir_.File("model_index.json"));
  EXPECT_THAT(Error(), HasSubstr("is a folder without model_index.json"));
}

}  // namespace
}  // namespace atelier::trainer
