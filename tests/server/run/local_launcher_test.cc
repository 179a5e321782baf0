// The launcher with real shims and a shell script as trainer.
#include "server/run/local_launcher.h"

#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/run/process_tree.h"
#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using testing::AwaitFile;
using testing::AwaitProcessEnd;

class LocalLauncherTest : public ::testing::Test {
 protected:
  ~LocalLauncherTest() override {
    launcher_.reset();
    KillProcessTree(run_dir());
  }

  void Launch(const std::string& script) {
    testing::WriteText(dir_.File("trainer"), "#!/bin/sh\n" + script, true);
    Restart();
    absl::Status started = launcher_->Start({attempt_, "secret", {}});
    ASSERT_TRUE(started.ok()) << started;
  }

  // A launcher that knows nothing of what was started.
  void Restart() {
    launcher_ = std::make_unique<LocalLauncher>(
        LocalLauncherOptions{dir_.path(), ATELIER_SHIM, dir_.File("trainer"),
                             "/nonexistent"},
        [this](const AttemptId& attempt, const WorkerExit& worker_exit) {
          absl::MutexLock lock(&mutex_);
          exits_[attempt] = worker_exit;
        });
  }

  WorkerExit AwaitExit() {
    absl::MutexLock lock(&mutex_);
    auto ended = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return exits_.count(attempt_) > 0;
    };
    EXPECT_TRUE(
        mutex_.AwaitWithTimeout(absl::Condition(&ended), testing::kPatience));
    return exits_[attempt_];
  }

  std::string run_dir() const { return dir_.File("jobs/7/attempt-2"); }

  // Waits without using time until somebody ends it.
  const std::string wait_ = "mkfifo never; echo > up; read line < never\n";
  const AttemptId attempt_ = {7, 2};
  testing::TempDir dir_;
  absl::Mutex mutex_;
  std::map<AttemptId, WorkerExit> exits_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<LocalLauncher> launcher_;
};

TEST_F(LocalLauncherTest, EndOfAWorkerIsReportedWithItsLastLines) {
  Launch("echo some words; exit 78\n");
  WorkerExit end = AwaitExit();
  EXPECT_EQ(end.status.code, 78);
  EXPECT_EQ(end.last_log, "some words\n");
}

TEST_F(LocalLauncherTest, TokenIsInAFileOfItsOwnersOnly) {
  Launch("cp \"$9\" seen\n");
  AwaitExit();
  EXPECT_EQ(testing::ReadText(run_dir() + "/seen"), "secret");
  EXPECT_EQ(std::filesystem::status(run_dir() + "/token").permissions(),
            std::filesystem::perms(0600));
}

TEST_F(LocalLauncherTest, AttemptIsStartedOnce) {
  Launch("exit 0\n");
  EXPECT_TRUE(
      absl::IsAlreadyExists(launcher_->Start({attempt_, "secret", {}})));
  AwaitExit();
}

TEST_F(LocalLauncherTest, TerminationReachesTheWorker) {
  Launch("trap 'exit 85' TERM\n" + wait_);
  ASSERT_TRUE(AwaitFile(run_dir() + "/up"));
  EXPECT_TRUE(launcher_->Terminate(attempt_).ok());
  EXPECT_EQ(AwaitExit().status.code, 85);
  EXPECT_TRUE(absl::IsNotFound(launcher_->Terminate(attempt_)));
}

TEST_F(LocalLauncherTest, KillEndsTheTreeAndKeepsTheStatus) {
  Launch("trap '' TERM\nsetsid sh -c 'echo $$ > child; read x < never' &\n" +
         wait_);
  ASSERT_TRUE(testing::AwaitText(run_dir() + "/child", "\n") ||
              AwaitFile(run_dir() + "/up"));
  EXPECT_TRUE(launcher_->Kill(attempt_).ok());
  EXPECT_EQ(AwaitExit().status.signal, SIGKILL);
  EXPECT_TRUE(KillProcessTree(run_dir()));
}

TEST_F(LocalLauncherTest, StoppedShimDoesNotHinderAKill) {
  Launch(wait_);
  ASSERT_TRUE(AwaitFile(run_dir() + "/up"));
  kill(launcher_->Shim(attempt_).pid, SIGSTOP);
  EXPECT_TRUE(launcher_->Kill(attempt_).ok());
  EXPECT_EQ(AwaitExit().status.signal, SIGKILL);
}

TEST_F(LocalLauncherTest, RunningWorkerIsAdopted) {
  Launch("trap 'exit 3' TERM\n" + wait_);
  ASSERT_TRUE(AwaitFile(run_dir() + "/up"));
  Restart();
  ASSERT_TRUE(launcher_->Adopt(attempt_).ok());
  EXPECT_TRUE(launcher_->Terminate(attempt_).ok());
  EXPECT_EQ(AwaitExit().status.code, 3);
}

TEST_F(LocalLauncherTest, EndedWorkerIsReportedToItsAdopter) {
  Launch(wait_ + "exit 5\n");
  ASSERT_TRUE(AwaitFile(run_dir() + "/up"));
  ProcessId shim = launcher_->Shim(attempt_);
  launcher_.reset();
  testing::WriteText(run_dir() + "/never", "\n");
  ASSERT_TRUE(AwaitProcessEnd(shim.pid));
  Restart();
  ASSERT_TRUE(launcher_->Adopt(attempt_).ok());
  EXPECT_EQ(AwaitExit().status.code, 5);
}

TEST_F(LocalLauncherTest, AttemptThatWasNeverStartedIsWithdrawn) {
  Restart();
  ASSERT_TRUE(launcher_->Adopt(attempt_).ok());
  EXPECT_TRUE(AwaitExit().never_started);
}

TEST_F(LocalLauncherTest, StartOfAnEarlierDaemonIsWithdrawnBeforeItsShimComes) {
  std::filesystem::create_directories(run_dir());
  Restart();
  ASSERT_TRUE(launcher_->Adopt(attempt_).ok());
  EXPECT_TRUE(AwaitExit().never_started);
  EXPECT_TRUE(std::filesystem::exists(run_dir() + "/shim.json"));
}

TEST_F(LocalLauncherTest, ProcessOfAnotherBootIsNotOurs) {
  Launch(wait_);
  ASSERT_TRUE(AwaitFile(run_dir() + "/up"));
  launcher_.reset();
  testing::WriteText(run_dir() + "/boot_id", "another\n");
  Restart();
  ASSERT_TRUE(launcher_->Adopt(attempt_).ok());
  WorkerExit end = AwaitExit();
  EXPECT_EQ(end.status, ExitStatus());
  EXPECT_FALSE(end.never_started);
}

}  // namespace
}  // namespace atelier::server
