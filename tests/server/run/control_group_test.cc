#include "server/run/control_group.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/await.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;
using testing::ReadText;
using testing::WriteText;

constexpr AttemptId kAttempt = {3, 2};

// A folder that stands in for a delegated group.
class ControlGroupTest : public ::testing::Test {
 protected:
  std::string Group(const std::string& file) const {
    return folder_.File("atelier-job-3.2/" + file);
  }

  testing::TempDir folder_;
  ControlGroups groups_ = ControlGroups::Open(folder_.File(""));
};

TEST_F(ControlGroupTest, AttemptGetsAGroupWithItsLimit) {
  const auto procs = groups_.Make(kAttempt, 1000);
  ASSERT_TRUE(procs.ok()) << procs.status();
  EXPECT_THAT(*procs, HasSubstr("/atelier-job-3.2/cgroup.procs"));
  EXPECT_EQ(ReadText(Group("memory.max")), "1000");
  EXPECT_EQ(ReadText(Group("memory.swap.max")), "0");
  EXPECT_EQ(ReadText(Group("memory.oom.group")), "1");
  EXPECT_EQ(ReadText(folder_.File("cgroup.subtree_control")), "+memory");
}

TEST_F(ControlGroupTest, WithoutLimitNoneIsWritten) {
  ASSERT_TRUE(groups_.Make(kAttempt, 0).ok());
  EXPECT_FALSE(std::filesystem::exists(Group("memory.max")));
}

TEST_F(ControlGroupTest, FactsAreReadFromTheKernelsFiles) {
  ASSERT_TRUE(groups_.Make(kAttempt, 4096).ok());
  WriteText(Group("memory.events"), "low 0\noom 3\noom_kill 2\n");
  WriteText(Group("memory.peak"), "4095\n");
  const GroupFacts facts = groups_.ReadFacts(kAttempt);
  EXPECT_EQ(facts.memory_kills, 2);
  EXPECT_EQ(facts.peak_bytes, 4095);
  EXPECT_EQ(facts.limit_bytes, 4096);
}

TEST_F(ControlGroupTest, WholeGroupIsKilledByOneWrite) {
  ASSERT_TRUE(groups_.Make(kAttempt, 0).ok());
  WriteText(Group("cgroup.kill"), "");
  groups_.Kill(kAttempt);
  EXPECT_EQ(ReadText(Group("cgroup.kill")), "1");
}

TEST(ControlGroupsTest, WhatCannotBeUsedIsSaid) {
  EXPECT_FALSE(ControlGroups::Open("off").is_used());
  const ControlGroups none = ControlGroups::Open("/no/such/group");
  EXPECT_FALSE(none.is_used());
  EXPECT_THAT(none.message(), HasSubstr("/no/such/group"));
  EXPECT_EQ(none.ReadFacts(kAttempt).memory_kills, 0);
}

// The kernel's own hierarchy, where this machine lets us.
TEST(ControlGroupsTest, KernelEndsAWholeGroupAtOnce) {
  std::string root;
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    if (access(absl::StrCat(mount, "/cgroup.procs").c_str(), W_OK) == 0)
      root = absl::StrCat(mount, "/atelier-test-", getpid());
  if (root.empty() || !std::filesystem::create_directory(root))
    GTEST_SKIP() << "no control group hierarchy of version 2 to write to";
  const ControlGroups groups = ControlGroups::Open(root);
  ASSERT_TRUE(groups.is_used());
  const auto procs = groups.Make(kAttempt, 0);
  ASSERT_TRUE(procs.ok()) << procs.status();
  const char* command[] = {"/bin/sleep", "1000", nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, command[0], nullptr, nullptr,
                        const_cast<char**>(command), environ),
            0);
  WriteText(*procs, absl::StrCat(child));
  groups.Kill(kAttempt);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  groups.Remove(kAttempt);
  EXPECT_EQ(rmdir(root.c_str()), 0) << "the attempt's group is still there";
}

}  // namespace
}  // namespace atelier::server
