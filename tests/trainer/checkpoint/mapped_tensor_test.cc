#include "trainer/checkpoint/mapped_tensor.h"

#include <fstream>

#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kWidth = 256;  // [256, 256] fp32: 64 pages

struct SquareImpl : torch::nn::Module {
  SquareImpl() {
    weight = register_parameter("weight", torch::zeros({kWidth, kWidth}),
                                /*requires_grad=*/false);
  }
  Tensor weight;
};

class MappedTensorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = dir_.File("m.safetensors");
    ASSERT_TRUE(WriteSafetensors(path_, {{"weight", stored_}}).ok());
    source_ = *SafetensorsFile::Open(path_);
  }

  void Load(bool keeps_types = false) {
    StateLoadOptions options;
    options.keeps_types = keeps_types;
    ASSERT_TRUE(LoadState(*source_, options, module_).ok());
  }

  std::string FileDigest() const {
    std::ifstream file(path_, std::ios::binary);
    return Sha256Of(std::string(std::istreambuf_iterator<char>(file), {}));
  }

  atelier::testing::TempDir dir_;
  std::string path_;
  Tensor stored_ = torch::rand({kWidth, kWidth});
  std::unique_ptr<SafetensorsFile> source_;
  SquareImpl module_;
};

TEST_F(MappedTensorTest, AWeightOfTheFilesTypeIsAViewOfTheFile) {
  Load();
  EXPECT_TRUE(IsMapped(module_.weight));
  EXPECT_EQ(module_.weight.const_data_ptr(),
            source_->Read("weight")->const_data_ptr());
  EXPECT_TRUE(module_.weight.equal(stored_));
}

TEST_F(MappedTensorTest, AViewOutlivesItsSource) {
  Load();
  source_.reset();
  EXPECT_TRUE(module_.weight.equal(stored_));
}

TEST_F(MappedTensorTest, WritingToAViewChangesNeitherTheFileNorItsDigest) {
  Load();
  const std::string digest = FileDigest();
  module_.weight.fill_(1);
  EXPECT_EQ(FileDigest(), digest);
  EXPECT_EQ(*source_->Digest(), digest);
  EXPECT_EQ(module_.weight.sum().item<float>(), kWidth * kWidth);
}

TEST_F(MappedTensorTest, DroppedPagesAreReadFromTheFileAgain) {
  Load();
  // What was written to is gone with its pages; the ends of the tensor share
  // theirs with what stands beside it.
  const Tensor inner = module_.weight.narrow(0, 8, kWidth - 16);
  inner.fill_(1);
  DropPages(module_.weight);
  EXPECT_TRUE(inner.equal(stored_.narrow(0, 8, kWidth - 16)));
}

TEST_F(MappedTensorTest, TensorsOfTheProcessAreNotDropped) {
  const Tensor tensor = torch::ones({kWidth, kWidth});
  DropPages(tensor);
  EXPECT_FALSE(IsMapped(tensor));
  EXPECT_EQ(tensor.sum().item<float>(), kWidth * kWidth);
}

TEST_F(MappedTensorTest, HalfPrecisionIsKeptWhereItIsAskedFor) {
  stored_ = stored_.to(torch::kBFloat16);
  SetUp();
  Load(/*keeps_types=*/true);
  EXPECT_EQ(module_.weight.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(IsMapped(module_.weight));
  EXPECT_TRUE(module_.weight.equal(stored_));
}

TEST_F(MappedTensorTest, EightBitsAreKeptAsBfloat16) {
  stored_ = stored_.to(torch::kFloat8_e4m3fn);
  SetUp();
  Load(/*keeps_types=*/true);
  EXPECT_EQ(module_.weight.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(module_.weight.equal(stored_.to(torch::kBFloat16)));
}

}  // namespace
}  // namespace atelier::trainer
