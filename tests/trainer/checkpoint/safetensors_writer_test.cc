#include "trainer/checkpoint/safetensors_writer.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/safetensors_reader.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;
using ::testing::HasSubstr;

TEST(SafetensorsWriterTest, EveryTypeIsReadBackAsItWas) {
  const TempDir dir;
  const std::map<std::string, Tensor> tensors = {
      {"float", torch::rand({3, 2})},
      {"half", torch::rand({3}).to(torch::kHalf)},
      {"brain", torch::rand({5}).to(torch::kBFloat16)},
      {"long", torch::arange(4)},
      {"bool", torch::tensor({true, false, true})},
      {"scalar", torch::tensor(3.5)},
      {"empty", torch::empty({0, 4})},
      {"float8", torch::rand({3}).to(torch::kFloat8_e4m3fn)}};
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), tensors, {{"a", "b"}}).ok());
  const auto read = ReadSafetensors(dir.File("f"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const Tensor& copy = read->at(name);
    EXPECT_EQ(copy.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(copy.to(torch::kFloat64).equal(tensor.to(torch::kFloat64)))
        << name;
  }
}

TEST(SafetensorsWriterTest, TensorsWithStridesAreWrittenInOrder) {
  const TempDir dir;
  const Tensor tensor = torch::arange(6, torch::kFloat32).view({2, 3}).t();
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), {{"w", tensor}}).ok());
  EXPECT_TRUE(ReadSafetensors(dir.File("f"))->at("w").equal(tensor));
}

TEST(SafetensorsWriterTest, FloatsAreConvertedAndOthersAreNot) {
  const TempDir dir;
  std::vector<TensorToSave> list = {
      {"w", torch::tensor({1.0f, 0.1f}), torch::kBFloat16},
      {"ids", torch::arange(3), torch::kBFloat16}};
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), list, {}).ok());
  const auto read = ReadSafetensors(dir.File("f"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->at("w").scalar_type(), torch::kBFloat16);
  EXPECT_EQ(read->at("ids").scalar_type(), torch::kInt64);
}

TEST(SafetensorsWriterTest, DataBeginOnAMultipleOfEight) {
  const TempDir dir;
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), {{"w", torch::zeros({1})}}).ok());
  const std::string file = ReadFile(dir.File("f")).value();
  EXPECT_EQ((file.size() - 4) % 8, 0u);
  EXPECT_EQ(file.substr(8, 1), "{");
}

TEST(SafetensorsWriterTest, TheSameTensorsGiveTheSameBytes) {
  const TempDir dir;
  std::vector<TensorToSave> list = {{"b", torch::zeros({2}), torch::kFloat32},
                                    {"a", torch::ones({2}), torch::kFloat32}};
  const auto first = WriteSafetensors(dir.File("1"), list, {{"k", "v"}});
  std::swap(list[0], list[1]);
  const auto second = WriteSafetensors(dir.File("2"), list, {{"k", "v"}});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->sha256, second->sha256);
}

TEST(SafetensorsWriterTest, ValuesThatDoNotFitAreRefusedByName) {
  const TempDir dir;
  const std::vector<TensorToSave> list = {
      {"big", torch::tensor({1e6f}), torch::kFloat16}};
  const auto saved = WriteSafetensors(dir.File("f"), list, {});
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(saved.status().message()),
              HasSubstr("tensor 'big' holds values up to 1e+06, which fp16"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SafetensorsWriterTest, ANameThatStandsTwiceIsRefused) {
  const TempDir dir;
  const std::vector<TensorToSave> list = {
      {"w", torch::zeros({1}), torch::kFloat32},
      {"w", torch::zeros({1}), torch::kFloat32}};
  EXPECT_THAT(
      std::string(WriteSafetensors(dir.File("f"), list, {}).status().message()),
      HasSubstr("'w' stands twice"));
}

TEST(SafetensorsWriterTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TempDir dir;
  const std::string path = dir.File("model.safetensors");
  const Tensor old = torch::ones({4});
  ASSERT_TRUE(WriteSafetensors(path, {{"w", old}}).ok());
  const Tensor larger = torch::zeros({10000});
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto saved = WriteSafetensors(path, {{"w", larger}});
    _exit(saved.status().code() == absl::StatusCode::kResourceExhausted ? 0
                                                                        : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(ReadSafetensors(path)->at("w").equal(old));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}),
            1);
}

TEST(SafetensorsWriterTest, AnUnwritableFolderIsNamed) {
  const auto saved =
      WriteSafetensors("/proc/model.safetensors", {{"w", torch::ones({1})}});
  ASSERT_FALSE(saved.ok());
  EXPECT_THAT(std::string(saved.status().message()),
              HasSubstr("cannot write /proc/model.safetensors"));
}

}  // namespace
}  // namespace atelier::trainer
