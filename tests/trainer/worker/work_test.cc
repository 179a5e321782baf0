#include "trainer/worker/work.h"

#include <sys/stat.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/trainer/worker/fake_daemon.h"
#include "trainer/job/failure.h"
#include "trainer/worker/exit_code.h"

namespace atelier::trainer {
namespace {

using ::atelier::testing::TempDir;
using testing::FakeDaemon;

class WorkTest : public ::testing::Test {
 protected:
  WorkFlags Flags(int attempt) {
    std::ofstream(folder_.File("token")) << "secret\n";
    chmod((folder_.File("token")).c_str(), 0600);
    return {folder_.File("s"), 7, attempt, folder_.File("token"),
            folder_.path()};
  }

  TempDir folder_;
};

absl::Status OneWarning(const RunRequest&, EventSink& events, StopToken&) {
  events.Send({4, Warning{"hello"}});
  return absl::OkStatus();
}

TEST_F(WorkTest, ARunEndsWithDoneStoredAtTheDaemon) {
  FakeDaemon daemon(folder_.File("s"));
  EXPECT_EQ(Work(Flags(1), &OneWarning), kExitOk);
  const auto events = daemon.WaitForEvents(2);
  EXPECT_EQ(events[0].warning().message(), "hello");
  EXPECT_EQ(events[1].done().outcome(), "succeeded");
  EXPECT_EQ(events[1].step(), 4);
}

TEST_F(WorkTest, LaterAttemptsContinueFromTheNewestState) {
  FakeDaemon daemon(folder_.File("s"));
  std::vector<bool> continued;
  const RunFunction run = [&](const RunRequest& request, EventSink&,
                              StopToken&) {
    continued.push_back(request.continue_from_newest_state);
    EXPECT_EQ(request.output_dir, "/out");
    return absl::OkStatus();
  };
  Work(Flags(1), run);
  Work(Flags(2), run);
  EXPECT_EQ(continued, (std::vector<bool>{false, true}));
}

TEST_F(WorkTest, AFailureIsReportedWithMessageAndReason) {
  FakeDaemon daemon(folder_.File("s"));
  const int code = Work(Flags(1), [](const RunRequest&, EventSink&,
                                     StopToken&) {
    return MarkFailure(absl::ResourceExhaustedError("no memory"), kHostMemory);
  });
  EXPECT_EQ(code, kExitHostMemory);
  const auto events = daemon.WaitForEvents(1);
  EXPECT_EQ(events[0].done().outcome(), "failed");
  EXPECT_EQ(events[0].done().message(), "no memory");
  EXPECT_EQ(events[0].done().reason(), "OUT_OF_MEMORY_HOST");
}

TEST_F(WorkTest, AStoppedRunSaysSo) {
  FakeDaemon daemon(folder_.File("s"));
  EXPECT_EQ(Work(Flags(1),
                 [](const RunRequest&, EventSink&, StopToken&) {
                   return absl::CancelledError("asked to stop");
                 }),
            kExitStopped);
  EXPECT_EQ(daemon.WaitForEvents(1)[0].done().outcome(), "stopped");
}

TEST_F(WorkTest, AFencedWorkerEndsAtOnce) {
  const WorkFlags flags = Flags(1);
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        FakeDaemon daemon(flags.socket_path);
        daemon.set_fenced(true);
        Work(flags, &OneWarning);
      },
      ::testing::ExitedWithCode(kExitFenced), "attempt 2 runs");
}

TEST_F(WorkTest, ATokenThatOthersCanReadIsRefused) {
  WorkFlags flags = Flags(1);
  chmod(flags.token_file.c_str(), 0644);
  EXPECT_EQ(Work(flags, &OneWarning), kExitInvalidInput);
}

TEST(ExitCodeTest, EachFailureHasItsCodeAndReason) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeFor(absl::CancelledError("")), 85);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("")), 64);
  EXPECT_EQ(ExitCodeFor(absl::NotFoundError("")), 64);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("")), 70);
  EXPECT_EQ(ExitCodeFor(absl::ResourceExhaustedError("")), 73);
  EXPECT_EQ(ExitCodeFor(absl::DataLossError("")), 74);
  EXPECT_EQ(ExitCodeFor(absl::OutOfRangeError("")), 78);
  EXPECT_EQ(ReasonFor(absl::ResourceExhaustedError("")), "DISK_FULL");
  EXPECT_EQ(
      ReasonFor(MarkFailure(absl::ResourceExhaustedError(""), kDeviceMemory)),
      "OUT_OF_MEMORY_GPU");
  EXPECT_EQ(ReasonFor(absl::OutOfRangeError("")), "LOSS_NOT_FINITE");
  EXPECT_EQ(ReasonFor(absl::CancelledError("")), "");
}

}  // namespace
}  // namespace atelier::trainer
