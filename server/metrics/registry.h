// What the daemon tells Prometheus: one table of names (registry.cc), counters
// and histograms that live here, and numbers that are read afresh at every
// scrape, so that what is gone disappears.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job_store.h"
#include "server/metrics/device_metrics.h"

namespace prometheus {
class Collectable;
}

namespace atelier::server {

// Threads: all methods, from any. None blocks on the disk except Collect.
class Metrics : public EventListener {
 public:
  // `jobs_view` is asked at every scrape; it and `clock` outlive the metrics.
  Metrics(const JobStore& jobs_view, const Clock& clock);
  ~Metrics() override;

  // Training numbers and ends of jobs. A job's own series are there while it
  // runs.
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

  // An API call has ended. `method`: `SubmitJob`; `code`: `OK`, `NOT_FOUND`.
  void CallDone(absl::string_view method, absl::string_view code,
                absl::Duration duration);
  // A stream was opened (+1) or closed (-1).
  void StreamChanged(absl::string_view method, int change);

  void Submitted();
  // A job was started; how long it had been waiting, and whether it passed one
  // that waits before it.
  void AttemptStarted(absl::Duration queued, int priority, bool is_backfill);
  void Preempted();
  // Devices were held that long, all together.
  void DevicesUsed(const std::string& user, double device_seconds);
  void AttemptDone(v1::AttemptOutcome outcome, v1::JobReason reason);
  void WorkerAdopted();
  void WorkerFenced();
  // Resident bytes from a worker's heartbeat.
  void WorkerMemory(JobId job, int64_t resident_bytes);
  void CommitDone(absl::Duration duration);
  void SchedulerPass(absl::Duration duration);
  void SetDraining(bool draining);
  // GPUs are on the page from then on; before the exporter starts.
  void ShowDevices(std::function<DeviceScrape()> source);

  // Everything, for an exporter; weak there, so it may go first.
  std::vector<std::shared_ptr<prometheus::Collectable>> Collectables() const;

  // The page as Prometheus reads it.
  std::string Text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace atelier::server
