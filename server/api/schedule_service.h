// ScheduleService: turns in the queue. Each handler checks its request, calls
// one thing, and translates.
#pragma once

#include "atelier/v1/schedule.grpc.pb.h"
#include "server/api/call_context.h"
#include "server/jobs/job_store.h"
#include "server/jobs/schedule_store.h"
#include "server/schedule/scheduler.h"

namespace atelier::server {

// All outlive the service.
struct ScheduleServiceParts {
  JobStore& jobs;
  ScheduleStore& schedule;
  Scheduler& scheduler;
};

class ScheduleServiceImpl final : public v1::ScheduleService::CallbackService {
 public:
  ScheduleServiceImpl(const CallContext& context, ScheduleServiceParts parts)
      : context_(context), parts_(parts) {}

  grpc::ServerUnaryReactor* ExplainJob(
      grpc::CallbackServerContext* call, const v1::ExplainJobRequest* request,
      v1::ExplainJobResponse* response) override;
  grpc::ServerUnaryReactor* HoldJob(grpc::CallbackServerContext* call,
                                    const v1::HoldJobRequest* request,
                                    v1::HoldJobResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseJob(
      grpc::CallbackServerContext* call, const v1::ReleaseJobRequest* request,
      v1::ReleaseJobResponse* response) override;
  grpc::ServerUnaryReactor* RequeueJob(
      grpc::CallbackServerContext* call, const v1::RequeueJobRequest* request,
      v1::RequeueJobResponse* response) override;
  grpc::ServerUnaryReactor* UpdateJob(grpc::CallbackServerContext* call,
                                      const v1::UpdateJobRequest* request,
                                      v1::UpdateJobResponse* response) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* call,
                                  const v1::DrainRequest* request,
                                  v1::DrainResponse* response) override;
  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* call,
                                   const v1::ResumeRequest* request,
                                   v1::ResumeResponse* response) override;
  grpc::ServerUnaryReactor* ListShares(
      grpc::CallbackServerContext* call, const v1::ListSharesRequest* request,
      v1::ListSharesResponse* response) override;

 private:
  absl::Status Explain(JobId id, v1::ExplainJobResponse& response);
  absl::StatusOr<Job> Hold(const v1::HoldJobRequest& request,
                           const Caller& caller);
  // One that was held by an operator only an operator releases.
  absl::StatusOr<Job> Release(JobId id, const Caller& caller);

  const CallContext context_;
  const ScheduleServiceParts parts_;
};

}  // namespace atelier::server
