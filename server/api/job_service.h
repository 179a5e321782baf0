// JobService: submitting, finding, following and stopping jobs. Each handler
// parses, calls one thing, and translates.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "atelier/v1/job.grpc.pb.h"
#include "atelier/v1/worker.pb.h"
#include "server/access/path_roots.h"
#include "server/api/call_context.h"
#include "server/events/event_bus.h"
#include "server/jobs/job_spec_validate.h"
#include "server/jobs/job_store.h"
#include "server/jobs/schedule_rules.h"

namespace atelier::server {

struct JobServiceParts {
  JobStore& store;
  EventBus& bus;
  SpecLimits limits;
  SeedSource seeds;
  // What the installed trainer can do, or why it cannot be asked.
  absl::StatusOr<v1::WorkerCapabilities> capabilities;
  // Of a submission, as it comes over the wire.
  size_t max_spec_bytes = 256 << 10;
  PathRoots roots;
  // Groups and quotas.
  ScheduleRules schedule;
  absl::Duration heartbeat = absl::Seconds(15);
};

class JobServiceImpl final : public v1::JobService::CallbackService {
 public:
  // What both refer to outlives the service.
  JobServiceImpl(const CallContext& context, JobServiceParts parts);

  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* call,
                                      const v1::SubmitJobRequest* request,
                                      v1::SubmitJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* call,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* call,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* call,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;
  grpc::ServerUnaryReactor* ListArtifacts(
      grpc::CallbackServerContext* call,
      const v1::ListArtifactsRequest* request,
      v1::ListArtifactsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchJob(
      grpc::CallbackServerContext* call,
      const v1::WatchJobRequest* request) override;
  grpc::ServerWriteReactor<v1::TailLogsResponse>* TailLogs(
      grpc::CallbackServerContext* call,
      const v1::TailLogsRequest* request) override;
  grpc::ServerWriteReactor<v1::DownloadArtifactResponse>* DownloadArtifact(
      grpc::CallbackServerContext* call,
      const v1::DownloadArtifactRequest* request) override;

 private:
  absl::Status Submit(const v1::SubmitJobRequest& request, const Caller& caller,
                      v1::SubmitJobResponse& response);
  absl::Status CheckArchitecture(v1::Architecture architecture) const;

  const CallContext context_;
  const JobServiceParts parts_;
};

}  // namespace atelier::server
