// The newest numbers of each running job; a job that has ended is gone from the
// next scrape on.
#pragma once

#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/job.h"

namespace atelier::server {

// Threads: any.
class RunningJobs : public prometheus::Collectable {
 public:
  void OnEvent(JobId job, const v1::Event& event);
  void WorkerMemory(JobId job, int64_t resident_bytes);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Numbers {
    v1::StepEvent step_done;
    double step = 0;
    double last_progress = 0;
    double resident_bytes = 0;
    double validation_loss = 0;
    bool has_step = false;
    bool has_validation = false;
  };

  // Device memory of each job by part.
  prometheus::MetricFamily CollectParts() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<JobId, Numbers> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
