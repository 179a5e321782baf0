// `atelier-trainer work`: one attempt of a job, under the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

#include "atelier/v1/job_spec.pb.h"
#include "trainer/job/event_sink.h"
#include "trainer/job/stop_token.h"

namespace atelier::trainer {

// What the run does; main.cc binds it to RunJob.
struct RunRequest {
  const v1::JobSpec& spec;
  std::string output_dir;
  bool continue_from_newest_state = false;
};
using RunFunction = std::function<absl::Status(
    const RunRequest& request, EventSink& events, StopToken& stop)>;

// The event that ends a run's stream: outcome, message and reason from what the
// run returned.
Event DoneEvent(const absl::Status& status, int64_t step, double seconds);

struct WorkFlags {
  std::string socket_path;
  int64_t job_id = 0;
  int attempt = 0;
  std::string token_file;
  // The attempt's own folder; the journal `events.journal` is made in it.
  std::string run_dir;
};

// Attaches to the daemon, runs the job it is given and stays until every event
// is durable there. Returns the exit code. When the attempt is fenced the
// process ends at once with code 86.
int Work(const WorkFlags& flags, const RunFunction& run);

}  // namespace atelier::trainer
