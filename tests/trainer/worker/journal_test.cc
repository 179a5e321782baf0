#include "trainer/worker/journal.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier::trainer {
namespace {

using ::atelier::testing::TempDir;

v1::Event WarningOf(const std::string& message) {
  v1::Event event;
  event.mutable_warning()->set_message(message);
  return event;
}

std::unique_ptr<Journal> OpenOrDie(const std::string& path) {
  auto journal = Journal::Open(path);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return *std::move(journal);
}

std::string MessageAt(const Journal& journal, int64_t sequence) {
  const auto event = journal.Read(sequence);
  return event.ok() ? event->warning().message() : event.status().ToString();
}

TEST(JournalTest, NumbersEventsFromOneAndGivesThemBack) {
  TempDir folder;
  const auto journal = OpenOrDie(folder.File("j"));
  EXPECT_EQ(journal->last_sequence(), 0);
  EXPECT_EQ(journal->Append(WarningOf("one")), 1);
  EXPECT_EQ(journal->Append(WarningOf("two")), 2);
  EXPECT_EQ(MessageAt(*journal, 1), "one");
  EXPECT_EQ(journal->Read(2)->worker_sequence(), 2);
  EXPECT_TRUE(absl::IsNotFound(journal->Read(3).status()));
}

TEST(JournalTest, SurvivesBeingKilled) {
  TempDir folder;
  const pid_t child = fork();
  if (child == 0) {
    auto journal = Journal::Open(folder.File("j"));
    for (int i = 0; i < 100; ++i) (*journal)->Append(WarningOf("event"));
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto journal = OpenOrDie(folder.File("j"));
  EXPECT_EQ(journal->last_sequence(), 100);
  EXPECT_EQ(journal->Append(WarningOf("next")), 101);
}

TEST(JournalTest, DropsATornTailWhereverItIsTorn) {
  TempDir folder;
  OpenOrDie(folder.File("whole"))->Append(WarningOf("first"));
  const auto first_end = std::filesystem::file_size(folder.File("whole"));
  OpenOrDie(folder.File("whole"))->Append(WarningOf("second"));
  const auto size = std::filesystem::file_size(folder.File("whole"));
  for (auto cut = first_end; cut < size; ++cut) {
    const std::string torn = folder.File("torn");
    std::filesystem::copy_file(
        folder.File("whole"), torn,
        std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(torn, cut);
    const auto journal = OpenOrDie(torn);
    ASSERT_EQ(journal->last_sequence(), 1) << "cut at " << cut;
    EXPECT_EQ(journal->Append(WarningOf("again")), 2);
    EXPECT_EQ(MessageAt(*journal, 2), "again");
  }
}

TEST(JournalTest, DropsARecordWhoseBytesChanged) {
  TempDir folder;
  OpenOrDie(folder.File("j"))->Append(WarningOf("abc"));
  std::fstream file(folder.File("j"),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('X');
  file.close();
  EXPECT_EQ(OpenOrDie(folder.File("j"))->last_sequence(), 0);
}

TEST(JournalTest, RefusesAFileThatIsNoJournal) {
  TempDir folder;
  std::ofstream(folder.File("j")) << "something else entirely";
  const auto journal = Journal::Open(folder.File("j"));
  EXPECT_TRUE(absl::IsDataLoss(journal.status()));
  EXPECT_THAT(std::string(journal.status().message()),
              ::testing::HasSubstr(folder.File("j")));
}

TEST(JournalTest, KeepsEventsInMemoryWhileTheDiskRefusesThem) {
  TempDir folder;
  signal(SIGXFSZ, SIG_IGN);
  const auto journal = OpenOrDie(folder.File("j"));
  journal->Append(WarningOf("on disk"));
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = std::filesystem::file_size(folder.File("j")) + 5;
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_EQ(journal->Append(WarningOf("refused")), 2);
  EXPECT_FALSE(journal->write_status().ok());
  EXPECT_EQ(MessageAt(*journal, 2), "refused");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(journal->Append(WarningOf("after")), 3);
  EXPECT_TRUE(journal->write_status().ok());
  const auto reopened = OpenOrDie(folder.File("j"));
  EXPECT_EQ(reopened->last_sequence(), 3);
  EXPECT_EQ(MessageAt(*reopened, 2), "refused");
}

}  // namespace
}  // namespace atelier::trainer
