#include "server/schedule/estimate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

// Jobs ahead beyond that are not played: the estimate would mean nothing.
constexpr size_t kMaxLine = 10000;

// When each device comes free; infinite future: not known.
std::vector<absl::Time> FreeTimes(const PlanInput& input,
                                  const std::map<JobId, absl::Time>& ends) {
  std::vector<absl::Time> free(input.devices.size(), input.now);
  for (size_t i = 0; i < free.size(); ++i) {
    if (!IsUsable(input.devices[i])) free[i] = absl::InfiniteFuture();
    for (const auto& [turn, job] : input.queue.running()) {
      if (std::find(job->devices.begin(), job->devices.end(),
                    input.devices[i].id) == job->devices.end()) {
        continue;
      }
      absl::Time end = job->attempt_start + job->request.time_limit;
      const auto expected = ends.find(job->id);
      if (expected != ends.end()) end = std::min(end, expected->second);
      free[i] = std::max(end, input.now);
    }
  }
  return free;
}

}  // namespace

StartEstimate EstimateStart(const PlanInput& input,
                            const std::vector<const QueuedJob*>& line,
                            const std::map<JobId, absl::Time>& ends) {
  StartEstimate estimate;
  if (line.size() > kMaxLine) {
    estimate.basis =
        absl::StrCat("no estimate with ", line.size() - 1, " jobs ahead");
    return estimate;
  }
  std::vector<absl::Time> free = FreeTimes(input, ends);
  for (const QueuedJob* job : line) {
    std::vector<size_t> fitting;
    for (size_t i = 0; i < free.size(); ++i) {
      if (Fits(input.devices[i], job->request)) fitting.push_back(i);
    }
    const auto count = static_cast<size_t>(job->request.count);
    // One that can never start takes nobody's place.
    if (fitting.size() < count) continue;
    std::stable_sort(fitting.begin(), fitting.end(),
                     [&](size_t a, size_t b) { return free[a] < free[b]; });
    const absl::Time start = free[fitting[count - 1]];
    estimate.start = start;
    for (size_t i = 0; i < count; ++i) {
      free[fitting[i]] = start + job->request.time_limit;
    }
  }
  estimate.basis =
      estimate.start == absl::InfiniteFuture()
          ? "a job before it has no time limit, or a device is out of use, so "
            "nobody knows when it is its turn"
          : "from time limits and progress of the jobs before it; it may be "
            "earlier";
  return estimate;
}

}  // namespace atelier::server
