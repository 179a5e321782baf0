#include "trainer/checkpoint/atomic_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier::trainer {
namespace {

using atelier::testing::TempDir;

int EntriesIn(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

// Runs `body` in a process of its own and returns how it ended.
template <typename Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(AtomicFileTest, AFileAppearsWithSizeAndDigest) {
  const TempDir dir;
  const auto saved = WriteFileAtomically(dir.File("a"), "abc");
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->size_bytes, 3);
  EXPECT_EQ(saved->sha256, Sha256Of("abc"));
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "abc");
}

TEST(AtomicFileTest, AnOlderFileIsReplaced) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("a"), "old contents").ok());
  ASSERT_TRUE(WriteFileAtomically(dir.File("a"), "new").ok());
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "new");
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

TEST(AtomicFileTest, WithoutCommitNothingIsLeft) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("a"), "old").ok());
  {
    auto file = AtomicFile::Create(dir.File("a"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("half").ok());
  }
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "old");
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

TEST(AtomicFileTest, AMissingFolderIsNamed) {
  const auto saved = WriteFileAtomically("/nonexistent/folder/a", "abc");
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(saved.status().message().find("/nonexistent/folder/a"),
            absl::string_view::npos);
}

TEST(AtomicFileTest, AFullDiskLeavesTheOldFileAlone) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("a"), "old").ok());
  const int status = InChild([&] {
    // Past this size writes fail, as on a full disk.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int64_t reserved : {0, 1000}) {
      auto file = AtomicFile::Create(dir.File("a"), reserved);
      const absl::Status result =
          file.ok() ? file->Write(std::string(1000, 'x')) : file.status();
      if (result.code() != absl::StatusCode::kResourceExhausted) _exit(1);
    }
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "old");
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

TEST(AtomicFileTest, AKilledWriterLeavesOnlyWhatCleaningRemoves) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("a"), "old").ok());
  const int status = InChild([&] {
    auto file = AtomicFile::Create(dir.File("a"));
    auto folder = AtomicFolder::Create(dir.File("b"));
    if (!file.ok() || !folder.ok() || !file->Write("half").ok()) _exit(1);
    std::ofstream(folder->partial_path() + "/x") << "half";
    raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "old");
  EXPECT_FALSE(std::filesystem::exists(dir.File("b")));
  EXPECT_EQ(RemovePartials(dir.path()), 2);
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

TEST(AtomicFileTest, CleaningSparesLivingWriters) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.File("a"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(RemovePartials(dir.path()), 0);
  ASSERT_TRUE(file->Write("abc").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadFile(dir.File("a")).value(), "abc");
}

TEST(AtomicFolderTest, AFolderTakesTheOldOnesPlace) {
  const TempDir dir;
  for (const char* text : {"first", "second"}) {
    auto folder = AtomicFolder::Create(dir.File("state"));
    ASSERT_TRUE(folder.ok()) << folder.status();
    ASSERT_TRUE(WriteFileAtomically(folder->partial_path() + "/x", text).ok());
    const absl::Status committed = folder->Commit();
    ASSERT_TRUE(committed.ok()) << committed;
  }
  EXPECT_EQ(ReadFile(dir.File("state/x")).value(), "second");
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

TEST(AtomicFolderTest, AFileInTheWayIsNamedAndStays) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir.File("state"), "mine").ok());
  {
    auto folder = AtomicFolder::Create(dir.File("state"));
    ASSERT_TRUE(folder.ok());
    EXPECT_EQ(folder->Commit().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(ReadFile(dir.File("state")).value(), "mine");
  EXPECT_EQ(EntriesIn(dir.path()), 1);
}

}  // namespace
}  // namespace atelier::trainer
