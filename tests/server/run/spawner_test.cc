#include "server/run/spawner.h"

#include <signal.h>
#include <stdlib.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<std::string> Shell(const std::string& script) {
  SpawnRequest request;
  request.command = {"/bin/sh", "-c", script};
  request.environment = {{"ADDED", "yes"}};
  return RunAndRead(request, absl::Seconds(20));
}

TEST(SpawnerTest, EnvironmentIsOursAndTheRequestsButNotTheServiceManagers) {
  setenv("NOTIFY_SOCKET", "/run/secret", 1);
  setenv("ADDED", "no", 1);
  auto printed = Shell("env");
  ASSERT_TRUE(printed.ok()) << printed.status();
  EXPECT_THAT(*printed, HasSubstr("ADDED=yes\n"));
  EXPECT_THAT(*printed, HasSubstr("PATH="));
  EXPECT_THAT(*printed, Not(HasSubstr("NOTIFY_SOCKET")));
  EXPECT_THAT(*printed, Not(HasSubstr("ADDED=no")));
}

TEST(SpawnerTest, ProcessLeadsASessionOfItsOwn) {
  auto printed =
      Shell("ps -o pid=,sid= -p $$ || cut -d' ' -f1,6 /proc/$$/stat");
  ASSERT_TRUE(printed.ok()) << printed.status();
  long pid = 0;
  long session = 1;
  ASSERT_EQ(sscanf(printed->c_str(), "%ld %ld", &pid, &session), 2);
  EXPECT_EQ(pid, session);
}

TEST(SpawnerTest, SignalsAreAsAtTheStartOfAProgram) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto printed = Shell("sed -n 's/Sig\\(Blk\\|Ign\\):.//p' /proc/self/status");
  ASSERT_TRUE(printed.ok()) << printed.status();
  unsigned long blocked_mask = 1;
  unsigned long ignored_mask = 1;
  ASSERT_EQ(sscanf(printed->c_str(), "%lx %lx", &blocked_mask, &ignored_mask),
            2);
  EXPECT_EQ(blocked_mask, 0u);
  // 32 and 33 are the C library's own.
  EXPECT_EQ(ignored_mask & 0x7fffffffu, 0u);
}

TEST(SpawnerTest, ProgramThatTakesTooLongIsEnded) {
  SpawnRequest request;
  request.command = {"/bin/sh", "-c", "kill -STOP $$"};
  auto printed = RunAndRead(request, absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(printed.status())) << printed.status();
}

}  // namespace
}  // namespace atelier::server
