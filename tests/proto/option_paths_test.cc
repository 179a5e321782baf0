#include "proto/cc/option_paths.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/proto/violations.h"
#include "tests/support/temp_dir.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OptionPathsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) {
    return std::string(dir_.path()) + "/" + name;
  }
  std::string File(const std::string& name) {
    std::ofstream(Path(name)) << "x";
    return Path(name);
  }
  std::vector<std::string> Problems() { return Messages(CheckPaths(config_)); }

  testing::TempDir dir_;
  v1::TrainingConfig config_;
};

TEST_F(OptionPathsTest, GoodPathsAreAccepted) {
  config_.mutable_model()->set_pretrained_model_name_or_path(File("m.ckpt"));
  config_.mutable_model()->set_vae(std::string(dir_.path()));
  config_.mutable_output()->set_output_dir(Path("new/and/newer"));
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(Path("new")));
}

TEST_F(OptionPathsTest, MissingInputIsNamed) {
  config_.mutable_model()->set_vae(Path("none"));
  const auto violations = CheckPaths(config_);
  EXPECT_THAT(Messages(violations),
              ElementsAre("vae is " + Path("none") + ", which does not exist"));
  EXPECT_THAT(Fields(violations), ElementsAre("training.model.vae"));
}

TEST_F(OptionPathsTest, KindIsChecked) {
  config_.mutable_dataset()->set_dataset_config(std::string(dir_.path()));
  config_.mutable_dataset()->set_train_data_dir(File("f"));
  config_.mutable_model()->set_vae("/dev/null");
  EXPECT_THAT(Problems(),
              ElementsAre(HasSubstr("neither a regular file nor a folder"),
                          HasSubstr("is a folder; must be a file"),
                          HasSubstr("is not a folder")));
}

TEST_F(OptionPathsTest, OutputBelowAFileIsRefused) {
  config_.mutable_output()->set_output_dir(File("f") + "/below");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("not a folder")));
}

TEST_F(OptionPathsTest, OutputFolderThatIsAFileIsRefused) {
  config_.mutable_output()->set_output_dir(File("f"));
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("which is not a folder")));
}

TEST_F(OptionPathsTest, OutputThatCannotBeWrittenIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::permissions(
      dir_.path(),
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  config_.mutable_output()->set_output_dir(Path("out"));
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("is not writable")));
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::owner_all);
}

TEST_F(OptionPathsTest, RelativePathIsRefused) {
  config_.mutable_output()->set_output_dir("out");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("must be absolute")));
}

TEST_F(OptionPathsTest, OnlyPathsAreJoined) {
  config_.mutable_model()->set_vae("./a/../vae");
  config_.mutable_dataset()->set_resolution("512");
  MakePathsAbsolute("/base", &config_);
  EXPECT_EQ(config_.model().vae(), "/base/vae");
  EXPECT_EQ(config_.dataset().resolution(), "512");
}

}  // namespace
}  // namespace atelier
