// Logs and artifacts: bytes that come in pieces over lines that break.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"

#include "client/sha256.h"
#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FilesTest : public ClientTest {
 protected:
  void AddSample(const std::string& path, const std::string& bytes) {
    Sha256 digest;
    digest.Add(bytes);
    v1::Artifact& artifact = daemon_.artifacts[3].emplace_back();
    artifact.set_kind(v1::ARTIFACT_KIND_SAMPLE);
    artifact.set_path(path);
    artifact.set_size_bytes(static_cast<int64_t>(bytes.size()));
    artifact.set_sha256(digest.Finish());
    artifact.set_prompt("a cat");
    daemon_.files[path] = bytes;
  }
  std::string Read(const std::string& name) {
    std::ifstream stream(dir_.File(name), std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  void Write(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path(dir_.File(name));
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  bool Exists(const std::string& name) {
    return std::filesystem::exists(dir_.File(name));
  }
  int Download() { return Run({"samples", "3", "--download", "to"}); }
};

TEST_F(FilesTest, LogGoesOnWhereTheLineBroke) {
  daemon_.log = "first\nsecond \xff\x1b[2J\nthird\n";
  daemon_.breaks = {2, 1};
  EXPECT_EQ(Run({"logs", "3", "-f"}), 0);
  EXPECT_EQ(Out(), daemon_.log);
  EXPECT_THAT(daemon_.offsets, ElementsAre(0, 8, 12));
}

TEST_F(FilesTest, LogOnATerminalMovesNoCursor) {
  terminal_.is_terminal = true;
  daemon_.log = "a\x1b[2J\n";
  EXPECT_EQ(Run({"logs", "3"}), 0);
  EXPECT_EQ(Out().find('\x1b'), std::string::npos);
}

TEST_F(FilesTest, LogAsJsonHasOffsets) {
  daemon_.log = "abcdef";
  EXPECT_EQ(Run({"logs", "3", "--attempt", "1", "--json"}), 0);
  EXPECT_EQ(JsonLines()[1]["offset"], 4);
  EXPECT_EQ(JsonLines()[1]["attempt"], 1);
  EXPECT_EQ(JsonLines()[1]["data"], "ef");
}

TEST_F(FilesTest, SamplesAreListedOverAllPages) {
  AddSample("samples/1.png", "x");
  AddSample("samples/2.png", "y");
  EXPECT_EQ(Run({"samples", "3"}), 0);
  EXPECT_THAT(Out(), HasSubstr("samples/1.png"));
  EXPECT_THAT(Out(), HasSubstr("samples/2.png"));
  EXPECT_EQ(Run({"checkpoints", "3", "--json"}), 0);
  EXPECT_EQ(Out(), "");
}

TEST_F(FilesTest, DownloadGoesOnWhereTheLineBroke) {
  AddSample("samples/1.png", "0123456789abcdef");
  daemon_.breaks = {1, 2};
  EXPECT_EQ(Download(), 0);
  EXPECT_EQ(Out(), dir_.File("to/samples/1.png") + "\n");
  EXPECT_EQ(Read("to/samples/1.png"), "0123456789abcdef");
  EXPECT_FALSE(Exists("to/samples/1.png.part"));
  EXPECT_THAT(daemon_.offsets, ElementsAre(0, 4, 12));
}

TEST_F(FilesTest, EarlierPartIsNotFetchedAgain) {
  AddSample("1.png", "0123456789");
  Write("to/1.png.part", "01234567");
  EXPECT_EQ(Download(), 0);
  EXPECT_EQ(Read("to/1.png"), "0123456789");
  EXPECT_THAT(daemon_.offsets, ElementsAre(8));
}

TEST_F(FilesTest, PartOfAnotherFileIsThrownAway) {
  AddSample("1.png", "0123456789");
  Write("to/1.png.part", "xxxxxxxx");
  EXPECT_EQ(Download(), 0);
  EXPECT_EQ(Read("to/1.png"), "0123456789");
  EXPECT_THAT(daemon_.offsets, ElementsAre(8, 0));
}

TEST_F(FilesTest, FileThatIsThereIsLeftAlone) {
  AddSample("1.png", "0123456789");
  Write("to/1.png", "0123456789");
  EXPECT_EQ(Download(), 0);
  EXPECT_THAT(Out(), HasSubstr("(was there)"));
  EXPECT_TRUE(daemon_.offsets.empty());
}

TEST_F(FilesTest, BytesWithAnotherDigestGetNoName) {
  AddSample("1.png", "0123456789");
  daemon_.artifacts[3][0].set_sha256(std::string(64, '0'));
  EXPECT_EQ(Download(), 1);
  EXPECT_THAT(Err(), HasSubstr("SHA-256"));
  EXPECT_FALSE(Exists("to/1.png"));
  EXPECT_FALSE(Exists("to/1.png.part"));
}

TEST_F(FilesTest, PathThatLeavesTheFolderIsRefused) {
  for (const char* path : {"../evil", "/evil", "a/../../evil", ""}) {
    daemon_.artifacts.clear();
    AddSample(path, "x");
    EXPECT_EQ(Download(), 4) << path;
    EXPECT_TRUE(daemon_.offsets.empty()) << path;
  }
}

TEST_F(FilesTest, RemovedFileIsNotFetched) {
  AddSample("1.png", "x");
  daemon_.artifacts[3][0].set_removed(true);
  EXPECT_EQ(Download(), 0);
  EXPECT_TRUE(daemon_.offsets.empty());
}

TEST_F(FilesTest, DownloadAsJsonSaysWhereTheFileIs) {
  AddSample("1.png", "x");
  EXPECT_EQ(Run({"samples", "3", "--download", "to", "--json"}), 0);
  EXPECT_EQ(JsonLines()[0]["file"], dir_.File("to/1.png"));
  EXPECT_EQ(JsonLines()[0]["path"], "1.png");
}

}  // namespace
}  // namespace atelier::client
