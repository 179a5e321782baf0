#include "trainer/checkpoint/checkpoint_source.h"

#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;
using ::testing::HasSubstr;

class OpenCheckpointTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const std::string& name, const std::string& contents) {
    EXPECT_TRUE(WriteFileAtomically(dir_.File(name), contents).ok());
    return std::string(OpenCheckpoint(dir_.File(name)).status().message());
  }
  TempDir dir_;
};

TEST_F(OpenCheckpointTest, AMissingFileIsNotFoundAndNamed) {
  const auto source = OpenCheckpoint(dir_.File("none.safetensors"));
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(source.status().message()),
              HasSubstr("none.safetensors"));
}

TEST_F(OpenCheckpointTest, AFileIsKnownByItsContentNotByItsEnding) {
  ASSERT_TRUE(
      WriteSafetensors(dir_.File("m.ckpt"), {{"w", torch::ones({2})}}).ok());
  const auto source = OpenCheckpoint(dir_.File("m.ckpt"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->index().count("w"), 1u);
}

TEST_F(OpenCheckpointTest, CommonMistakesAreSaidPlainly) {
  EXPECT_THAT(ErrorOf("a.safetensors", ""), HasSubstr("is empty"));
  EXPECT_THAT(
      ErrorOf("a.safetensors", "version https://git-lfs.github.com/spec/v1\n"),
      HasSubstr("is a Git LFS pointer"));
  EXPECT_THAT(ErrorOf("a.ckpt", "\n<!DOCTYPE html><html>"),
              HasSubstr("is a web page"));
  EXPECT_THAT(ErrorOf("a.txt", "some text that is long enough"),
              HasSubstr("is of no known form"));
}

TEST_F(OpenCheckpointTest, ADeviceOrPipeIsNoFile) {
  const std::string path = dir_.File("pipe.safetensors");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(std::string(OpenCheckpoint(path).status().message()),
              HasSubstr("is not a file"));
}

}  // namespace
}  // namespace atelier::trainer
