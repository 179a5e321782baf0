#include "proto/cc/job_state.h"

#include "gtest/gtest.h"

#include "proto/cc/enum_name.h"

namespace atelier {
namespace {

TEST(JobStateTest, TerminalStatesNeverChange) {
  for (const JobTransition& transition : JobTransitions()) {
    EXPECT_FALSE(IsTerminal(transition.from)) << EnumName(transition.from);
  }
}

TEST(JobStateTest, EveryStateCanBeReachedAndOnlyTerminalOnesAreEnds) {
  for (int i = v1::JOB_STATE_HELD; i <= v1::JobState_MAX; ++i) {
    const auto state = static_cast<v1::JobState>(i);
    bool is_reached = false;
    bool is_left = false;
    for (const JobTransition& transition : JobTransitions()) {
      is_reached |= transition.to == state;
      is_left |= transition.from == state;
    }
    EXPECT_TRUE(is_reached) << EnumName(state);
    EXPECT_NE(is_left, IsTerminal(state)) << EnumName(state);
  }
}

TEST(JobStateTest, RunningIsOnlyReachedByStarting) {
  for (const JobTransition& transition : JobTransitions()) {
    if (transition.to != v1::JOB_STATE_RUNNING) continue;
    EXPECT_EQ(transition.from, v1::JOB_STATE_STARTING);
  }
  EXPECT_TRUE(CanBecome(v1::JOB_STATE_STARTING, v1::JOB_STATE_RUNNING));
  EXPECT_FALSE(CanBecome(v1::JOB_STATE_RUNNING, v1::JOB_STATE_CANCELLED));
  EXPECT_FALSE(CanBecome(v1::JOB_STATE_RUNNING, v1::JOB_STATE_RUNNING));
}

TEST(JobStateTest, NamesReadBackAsTheirStates) {
  for (int i = 1; i <= v1::JobReason_MAX; ++i) {
    if (!v1::JobReason_IsValid(i)) continue;
    const auto reason = static_cast<v1::JobReason>(i);
    EXPECT_EQ(EnumFromName<v1::JobReason>(EnumName(reason)), reason);
  }
  EXPECT_EQ(EnumName(v1::JOB_STATE_RUNNING), "RUNNING");
  EXPECT_EQ(EnumFromName<v1::JobState>("running"), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(EnumFromName<v1::JobState>("UNSPECIFIED"), std::nullopt);
  EXPECT_EQ(EnumName(v1::JOB_STATE_UNSPECIFIED), "");
  EXPECT_EQ(EnumName(static_cast<v1::JobState>(55)), "55");
}

}  // namespace
}  // namespace atelier
