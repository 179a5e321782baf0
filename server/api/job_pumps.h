// What the streams of JobService send.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"

#include "atelier/v1/artifact.pb.h"
#include "atelier/v1/job.pb.h"
#include "server/api/stream_writer.h"
#include "server/events/event_bus.h"
#include "server/jobs/job_store.h"

namespace atelier::server {

// A job's events. Without news for `heartbeat` a message without an event.
absl::StatusOr<std::unique_ptr<Pump<v1::WatchJobResponse>>> MakeWatchPump(
    EventBus& bus, const v1::WatchJobRequest& request, absl::Duration heartbeat,
    std::function<void()> wake);

// What an attempt's worker printed.
absl::StatusOr<std::unique_ptr<Pump<v1::TailLogsResponse>>> MakeLogPump(
    const JobStore& store, const v1::TailLogsRequest& request);

// A file of the job's output folder.
absl::StatusOr<std::unique_ptr<Pump<v1::DownloadArtifactResponse>>>
MakeArtifactPump(const JobStore& store,
                 const v1::DownloadArtifactRequest& request);

}  // namespace atelier::server
