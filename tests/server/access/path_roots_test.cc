#include "server/access/path_roots.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PathRootsTest : public ::testing::Test {
 protected:
  PathRootsTest() {
    for (const char* name : {"data", "database", "out"})
      std::filesystem::create_directories(folder_.File(name));
    roots_ = {{folder_.File("data")}, {folder_.File("out")}};
  }

  v1::TrainingConfig Config(const std::string& images,
                            const std::string& output) {
    v1::TrainingConfig config;
    config.mutable_dataset()->set_train_data_dir(images);
    config.mutable_output()->set_output_dir(output);
    return config;
  }

  atelier::testing::TempDir folder_;
  PathRoots roots_;
};

TEST_F(PathRootsTest, WhatLiesBelowIsAllowed) {
  EXPECT_THAT(CheckRoots(roots_, Config(folder_.File("data/a"),
                                        folder_.File("out/new/deep"))),
              IsEmpty());
}

TEST_F(PathRootsTest, OutsideIsRefusedWithPathAndRoots) {
  const auto faults =
      CheckRoots(roots_, Config(folder_.File("database"), "/etc/cron.d"));
  ASSERT_THAT(faults, SizeIs(2));
  EXPECT_THAT(faults[0].message + faults[1].message,
              ::testing::AllOf(HasSubstr("/etc/cron.d"),
                               HasSubstr(folder_.File("database")),
                               HasSubstr("not below " + folder_.File("data")),
                               HasSubstr("not below " + folder_.File("out"))));
}

TEST_F(PathRootsTest, DotsAndLinksLeadNowhereElse) {
  std::filesystem::create_directory_symlink("/etc", folder_.File("data/link"));
  std::filesystem::create_directory_symlink("/tmp", folder_.File("out/link"));
  EXPECT_THAT(CheckRoots(roots_, Config(folder_.File("data/link"),
                                        folder_.File("out/link/new"))),
              SizeIs(2));
  EXPECT_THAT(CheckRoots(roots_, Config(folder_.File("data/../database"),
                                        folder_.File("out/../data"))),
              SizeIs(2));
}

TEST_F(PathRootsTest, FoldersOfADatasetFileCountToo) {
  const std::string file = folder_.File("data/set.toml");
  atelier::testing::WriteText(
      file,
      "[[datasets]]\n[[datasets.subsets]]\nimage_dir = '/etc'\n"
      "[[datasets.subsets]]\nimage_dir = 'here'\n");
  v1::TrainingConfig config;
  config.mutable_dataset()->set_dataset_config(file);
  const auto faults = CheckRoots(roots_, config);
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_THAT(faults[0].message, HasSubstr("image_dir is /etc"));
}

TEST_F(PathRootsTest, WithoutRootsEverythingIsAllowed) {
  EXPECT_THAT(CheckRoots({}, Config("/etc", "/etc")), IsEmpty());
}

}  // namespace
}  // namespace atelier::server
