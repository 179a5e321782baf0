// Files given out: only those below a job's folder, by offset, with a digest.
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/streams/artifact_reader.h"
#include "server/streams/file_opening.h"
#include "server/streams/log_reader.h"
#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using testing::WriteText;

class StreamsTest : public ::testing::Test {
 protected:
  StreamsTest() {
    std::filesystem::create_directories(dir_.File("out/samples"));
    WriteText(dir_.File("out/a.bin"), "abc");
    WriteText(dir_.File("out/samples/b.png"), "picture");
    WriteText(dir_.File("secret"), "secret");
  }
  absl::Status Open(const std::string& path) {
    return OpenBeneath(dir_.File("out"), path).status();
  }
  testing::TempDir dir_;
};

TEST_F(StreamsTest, FilesBelowTheFolderAreOpened) {
  EXPECT_TRUE(Open("a.bin").ok());
  EXPECT_TRUE(Open("samples/b.png").ok());
  EXPECT_TRUE(Open("samples/../a.bin").ok());
}

TEST_F(StreamsTest, NothingElseIs) {
  std::filesystem::create_symlink("../secret", dir_.File("out/link"));
  std::filesystem::create_symlink("a.bin", dir_.File("out/inside"));
  std::filesystem::create_hard_link(dir_.File("secret"), dir_.File("out/hard"));
  mkfifo(dir_.File("out/fifo").c_str(), 0600);
  EXPECT_TRUE(absl::IsInvalidArgument(Open("")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("../secret")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(dir_.File("secret"))));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(std::string("a\0b", 3))));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(std::string(5000, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("link")));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("hard")));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("samples")));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("fifo")));
  EXPECT_TRUE(absl::IsNotFound(Open("none")));
  EXPECT_TRUE(Open("inside").ok());
}

TEST_F(StreamsTest, ArtifactIsDigestedWholeFromAnyOffset) {
  for (int64_t offset : {0, 1, 3}) {
    auto reader = ArtifactReader::Open(dir_.File("out"), "a.bin");
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_TRUE((*reader)->SkipTo(offset).ok());
    EXPECT_EQ(*(*reader)->Read(100), std::string("abc").substr(offset));
    EXPECT_EQ(*(*reader)->Read(100), "");
    EXPECT_EQ((*reader)->Sha256(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
              "5ad");
  }
}

TEST_F(StreamsTest, OffsetsOutsideAnArtifactAreRefused) {
  auto reader = ArtifactReader::Open(dir_.File("out"), "a.bin");
  EXPECT_TRUE(absl::IsOutOfRange((*reader)->SkipTo(4)));
  EXPECT_TRUE(absl::IsOutOfRange((*reader)->SkipTo(-1)));
}

TEST_F(StreamsTest, ArtifactThatBecomesShorterIsALoss) {
  auto reader = ArtifactReader::Open(dir_.File("out"), "a.bin");
  WriteText(dir_.File("out/a.bin"), "");
  EXPECT_TRUE(absl::IsDataLoss((*reader)->Read(10).status()));
}

TEST_F(StreamsTest, LogIsReadAsItGrows) {
  LogReader reader(dir_.File("out"));
  EXPECT_EQ(*reader.Read(0, 100), "");
  WriteText(dir_.File("out/worker.log"), "one\n");
  EXPECT_EQ(*reader.Read(0, 100), "one\n");
  EXPECT_EQ(*reader.Read(4, 100), "");
  WriteText(dir_.File("out/worker.log"), "one\ntwo\n");
  EXPECT_EQ(*reader.Read(4, 2), "tw");
  EXPECT_TRUE(absl::IsOutOfRange(reader.Read(9, 1).status()));
}

}  // namespace
}  // namespace atelier::server
