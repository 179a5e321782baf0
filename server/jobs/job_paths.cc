#include "server/jobs/job_paths.h"

#include "absl/strings/str_cat.h"

namespace atelier::server {

std::string JobFolder(absl::string_view state_dir, JobId job) {
  return absl::StrCat(state_dir, "/jobs/", job);
}

std::string RunFolder(absl::string_view state_dir, const AttemptId& attempt) {
  return absl::StrCat(JobFolder(state_dir, attempt.job), "/attempt-",
                      attempt.number);
}

std::string DefaultOutputFolder(absl::string_view state_dir, JobId job) {
  return absl::StrCat(JobFolder(state_dir, job), "/output");
}

}  // namespace atelier::server
