#include "trainer/data/file_digests.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

class FileDigestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(picture_) << "pixels";
    // Far from now: writing to it changes the time for certain.
    fs::last_write_time(
        picture_, fs::file_time_type::clock::now() - std::chrono::hours(1));
    fs::create_directory(folder_);
  }

  // Whether a new process would have to read the picture; the digest is right
  // in either case.
  bool Reads() {
    FileDigests digests;
    std::string contents;
    const auto digest = digests.Of(picture_, folder_, &contents);
    EXPECT_TRUE(digest.ok()) << digest.status();
    std::ifstream file(picture_);
    const std::string now(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(*digest, Sha256Of(now));
    digests.Save();
    return !contents.empty();
  }

  // As an earlier run of another day has left it.
  void Enter(const std::string& digest) {
    struct stat info;
    ASSERT_EQ(stat(picture_.c_str(), &info), 0);
    const auto in_ns = [](const timespec& t) {
      return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
    };
    std::ofstream(folder_ + "/digests")
        << digest << " " << info.st_size << " " << in_ns(info.st_mtim) << " "
        << in_ns(info.st_ctim) << " " << info.st_ino << " a picture.png\n";
  }

  atelier::testing::TempDir dir_;
  std::string picture_ = dir_.File("a picture.png");
  std::string folder_ = dir_.File(".cache");
};

TEST_F(FileDigestsTest, AnUnchangedFileIsNotReadAgain) {
  Enter(Sha256Of("pixels"));
  EXPECT_FALSE(Reads());
}

TEST_F(FileDigestsTest, AChangedFileIsReadWhateverItsSizeIs) {
  Enter(Sha256Of("pixels"));
  std::ofstream(picture_) << "sixels";
  EXPECT_TRUE(Reads());
}

TEST_F(FileDigestsTest, AFileThatTookAnothersNameIsRead) {
  Enter(Sha256Of("pixels"));
  std::ofstream(dir_.File("other")) << "sixels";
  fs::rename(dir_.File("other"), picture_);
  EXPECT_TRUE(Reads());
}

TEST_F(FileDigestsTest, AFileThatWasJustWrittenIsNotEntered) {
  EXPECT_TRUE(Reads());
  EXPECT_TRUE(Reads());
}

TEST_F(FileDigestsTest, DamagedLinesAreLeftAside) {
  std::ofstream(folder_ + "/digests") << "nothing\n1 2 3 4 5 a picture.png\n";
  EXPECT_TRUE(Reads());
}

TEST_F(FileDigestsTest, AMissingFileIsAnError) {
  FileDigests digests;
  std::string contents;
  EXPECT_TRUE(absl::IsNotFound(
      digests.Of(dir_.File("none.png"), folder_, &contents).status()));
}

}  // namespace
}  // namespace atelier::trainer
