// Jobs as the API tells them.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

#include "atelier/v1/job.pb.h"
#include "atelier/v1/worker.pb.h"
#include "server/jobs/job.h"

namespace atelier::server {

// How the job's worker is asked to stop: one that goes on later, or whose time
// is up, saves its state whatever its options say.
v1::WorkerCommand::Kind StopCommand(const Job& job);

v1::Job ToMessage(const Job& job);
v1::Attempt ToMessage(const Attempt& attempt);

// Infinite times come out as zero.
google::protobuf::Timestamp ToTimestamp(absl::Time time);

}  // namespace atelier::server
