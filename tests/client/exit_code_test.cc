#include "client/exit_code.h"

#include "gtest/gtest.h"

namespace atelier::client {
namespace {

TEST(ExitCodeTest, EveryCodeOfAnErrorIsAsDocumented) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 6);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 6);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("")), 6);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), 7);
}

TEST(ExitCodeTest, EveryOutcomeOfAJobIsAsDocumented) {
  v1::Job job;
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(ExitCodeOf(job), 0);
  job.set_state(v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(ExitCodeOf(job), 11);
  job.set_state(v1::JOB_STATE_FAILED);
  EXPECT_EQ(ExitCodeOf(job), 10);
  job.set_reason(v1::JOB_REASON_TIME_LIMIT);
  EXPECT_EQ(ExitCodeOf(job), 12);
  job.set_reason(v1::JOB_REASON_WORKER_LOST);
  EXPECT_EQ(ExitCodeOf(job), 13);
  job.set_state(v1::JOB_STATE_RUNNING);
  EXPECT_EQ(ExitCodeOf(job), 1);
}

}  // namespace
}  // namespace atelier::client
