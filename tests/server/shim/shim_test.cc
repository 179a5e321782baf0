// The shim as a process of its own, with shell scripts as workers.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::testing {
namespace {

using ::testing::HasSubstr;

// Shells run this to wait for a signal without using time.
constexpr char kWaitForever[] = "mkfifo never; read line < never";

class ShimTest : public ::testing::Test {
 protected:
  void Start(const std::string& script) {
    StartProgram({"/bin/sh", "-c", script});
  }

  void StartProgram(const std::vector<std::string>& program) {
    std::vector<std::string> command = {ATELIER_SHIM, folder_.path()};
    command.insert(command.end(), program.begin(), program.end());
    std::vector<char*> argv;
    for (std::string& text : command) argv.push_back(text.data());
    argv.push_back(nullptr);
    ASSERT_EQ(posix_spawn(&shim_, ATELIER_SHIM, nullptr, nullptr, argv.data(),
                          environ),
              0);
  }

  // Exit status of the shim.
  int Join() {
    EXPECT_TRUE(AwaitProcessEnd(shim_));
    int status = 0;
    waitpid(shim_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  nlohmann::json Json(const std::string& name) {
    return nlohmann::json::parse(ReadText(folder_.File(name)));
  }

  pid_t PidIn(const std::string& name) {
    EXPECT_TRUE(AwaitText(folder_.File(name), "\n"));
    return std::stoi(ReadText(folder_.File(name)));
  }

  TempDir folder_;
  pid_t shim_ = 0;
};

TEST_F(ShimTest, WritesDownTheExactExitCode) {
  Start("exit 85");
  EXPECT_EQ(Join(), 0);
  nlohmann::json written = Json("exit.json");
  EXPECT_EQ(written.at("exit_code"), 85);
  EXPECT_FALSE(written.contains("exit_signal"));
  EXPECT_EQ(written.at("pid"), Json("worker.json").at("pid"));
  EXPECT_GT(written.at("max_rss_bytes"), 0);
}

TEST_F(ShimTest, WritesDownTheSignalThatEndedTheWorker) {
  Start("kill -KILL $$");
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(Json("exit.json").at("exit_signal"), SIGKILL);
}

TEST_F(ShimTest, PassesTerminationOnToTheWorkersGroup) {
  Start(std::string("trap 'exit 7' TERM; echo > up; ") + kWaitForever);
  ASSERT_TRUE(AwaitFile(folder_.File("never")));
  kill(shim_, SIGTERM);
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(Json("exit.json").at("exit_code"), 7);
}

TEST_F(ShimTest, EndsWhatTheWorkerLeavesBehindInAnotherSession) {
  Start(std::string("setsid sh -c 'trap \"\" TERM HUP; echo $$ > child; ") +
        kWaitForever + "' & while ! [ -s child ]; do :; done; exit 0");
  pid_t child = PidIn("child");
  EXPECT_EQ(Join(), 0);
  EXPECT_NE(kill(child, 0), 0);
}

TEST_F(ShimTest, EndsTheWholeTreeWhenAskedAndStillWritesTheStatus) {
  Start(
      "trap '' TERM; mkfifo never;"
      "sh -c 'trap \"\" TERM; echo $$ > child; read line < never' & wait");
  pid_t child = PidIn("child");
  kill(shim_, SIGUSR1);
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(Json("exit.json").at("exit_signal"), SIGKILL);
  EXPECT_TRUE(AwaitProcessEnd(child));
}

TEST_F(ShimTest, DoesNotStartAWorkerThatWasWithdrawn) {
  WriteText(folder_.File("shim.json"), "withdrawn\n");
  Start("echo > started");
  EXPECT_EQ(Join(), 75);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("started")));
  EXPECT_FALSE(std::filesystem::exists(folder_.File("exit.json")));
}

TEST_F(ShimTest, SaysWhichProgramCannotBeExecuted) {
  StartProgram({"/nonexistent/trainer"});
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(Json("exit.json").at("exit_code"), 127);
  EXPECT_THAT(ReadText(folder_.File("worker.log")),
              HasSubstr("cannot execute /nonexistent/trainer"));
}

TEST_F(ShimTest, KeepsWhatTheWorkerPrints) {
  WriteText(folder_.File("worker.log"), "before\n");
  Start("echo out; echo err >&2");
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(ReadText(folder_.File("worker.log")), "before\nout\nerr\n");
}

TEST_F(ShimTest, WorkerIsWrittenDownBeforeItRuns) {
  Start("cat worker.json > seen; echo $$ > self");
  EXPECT_EQ(Join(), 0);
  EXPECT_EQ(Json("seen").at("pid"), std::stoi(ReadText(folder_.File("self"))));
}

}  // namespace
}  // namespace atelier::testing
