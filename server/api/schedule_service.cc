#include "server/api/schedule_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/jobs/job_message.h"
#include "server/jobs/schedule_spec.h"

namespace atelier::server {
namespace {

absl::StatusOr<JobUpdate> ParseUpdate(const v1::UpdateJobRequest& request) {
  JobUpdate update;
  update.job = request.id();
  std::vector<Violation> violations;
  if (request.has_priority()) {
    CheckPriority("priority", request.priority(), &violations);
    update.priority = request.priority();
  }
  if (request.has_sweep_running()) {
    if (request.sweep_running() < 0)
      violations.push_back(
          {"sweep_running",
           absl::StrCat("sweep_running is ", request.sweep_running(),
                        "; it must not be negative")});
    update.sweep_running = request.sweep_running();
  }
  if (request.has_time_limit()) {
    const absl::Duration limit =
        absl::Seconds(request.time_limit().seconds()) +
        absl::Nanoseconds(request.time_limit().nanos());
    if (limit < absl::ZeroDuration())
      violations.push_back(
          {"time_limit",
           absl::StrCat("time_limit is ", absl::FormatDuration(limit),
                        "; it must not be negative")});
    update.time_limit =
        limit == absl::ZeroDuration() ? absl::InfiniteDuration() : limit;
  }
  if (!request.etag().empty() &&
      !absl::SimpleAtoi(request.etag(), &update.version))
    violations.push_back({"etag", "etag is not one that this server gave"});
  RETURN_IF_ERROR(MakeBadRequest(reasons::kInvalidRequest, violations));
  return update;
}

template <typename Response>
absl::Status Answer(absl::StatusOr<Job> job, Response* response) {
  RETURN_IF_ERROR(job.status());
  *response->mutable_job() = ToMessage(*job);
  return absl::OkStatus();
}

}  // namespace

absl::Status ScheduleServiceImpl::Explain(JobId id,
                                          v1::ExplainJobResponse& response) {
  ASSIGN_OR_RETURN(const Job job, parts_.jobs.ReadJob(id));
  *response.mutable_job() = ToMessage(job);
  response.set_reason(job.reason);
  response.set_message(job.message);
  response.set_jobs_ahead(-1);
  const bool waits =
      job.state == v1::JOB_STATE_PENDING || job.state == v1::JOB_STATE_HELD;
  if (!waits) {
    response.set_estimate_basis(IsTerminal(job.state) ? "it has ended"
                                                      : "it has started");
    return absl::OkStatus();
  }
  const absl::StatusOr<Explanation> why = parts_.scheduler.Explain(id);
  // It has started since it was read.
  if (absl::IsNotFound(why.status())) return absl::OkStatus();
  RETURN_IF_ERROR(why.status());
  response.set_reason(why->reason);
  response.set_message(why->causes.front());
  response.set_jobs_ahead(why->jobs_ahead);
  for (const std::string& cause : why->causes) response.add_causes(cause);
  for (const JobId blocking : why->blocking_jobs)
    response.add_blocking_jobs(blocking);
  if (why->start != absl::InfiniteFuture())
    *response.mutable_estimated_start() = ToTimestamp(why->start);
  response.set_estimate_basis(why->basis);
  return absl::OkStatus();
}

absl::StatusOr<Job> ScheduleServiceImpl::Hold(const v1::HoldJobRequest& request,
                                              const Caller& caller) {
  RETURN_IF_ERROR(CheckMessage(request.message()));
  ASSIGN_OR_RETURN(Job job, parts_.jobs.ReadJob(request.id()));
  if (job.state == v1::JOB_STATE_HELD) return job;
  const bool runs =
      job.state != v1::JOB_STATE_PENDING && !IsTerminal(job.state);
  if (runs)
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kJobNotWaiting,
                     absl::StrCat("job ", job.id, " is ", EnumName(job.state),
                                  "; only a job that waits can be held: "
                                  "requeue it first, or cancel it"));
  const bool is_own = caller.user == job.owner;
  return parts_.jobs.ChangeState(
      {job.id, v1::JOB_STATE_HELD,
       is_own ? v1::JOB_REASON_HELD_BY_USER : v1::JOB_REASON_HELD_BY_ADMIN,
       request.message().empty() ? absl::StrCat("held by ", caller.user)
                                 : request.message()});
}

absl::StatusOr<Job> ScheduleServiceImpl::Release(JobId id,
                                                 const Caller& caller) {
  ASSIGN_OR_RETURN(const Job job, parts_.jobs.ReadJob(id));
  if (job.state != v1::JOB_STATE_HELD)
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kJobNotHeld,
        absl::StrCat("job ", id, " is ", EnumName(job.state), " and not held"));
  const bool is_anothers = job.reason == v1::JOB_REASON_HELD_BY_ADMIN;
  if (is_anothers && !caller.IsAtLeast(v1::ROLE_OPERATOR))
    return MakeError(
        absl::StatusCode::kPermissionDenied, reasons::kNotAllowed,
        absl::StrCat("job ", id, " is held by those who run this daemon (",
                     job.message, "); only they can release it"));
  return parts_.jobs.ChangeState({id, v1::JOB_STATE_PENDING,
                                  v1::JOB_REASON_PRIORITY,
                                  "was released and waits for its turn"});
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::ExplainJob(
    grpc::CallbackServerContext* call, const v1::ExplainJobRequest* request,
    v1::ExplainJobResponse* response) {
  return RunUnary(
      context_, call, "ExplainJob", *request,
      [this, request, response] { return Explain(request->id(), *response); });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::HoldJob(
    grpc::CallbackServerContext* call, const v1::HoldJobRequest* request,
    v1::HoldJobResponse* response) {
  return RunUnary(context_, call, "HoldJob", *request,
                  [this, request, response](const Caller& caller) {
                    return Answer(Hold(*request, caller), response);
                  });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::ReleaseJob(
    grpc::CallbackServerContext* call, const v1::ReleaseJobRequest* request,
    v1::ReleaseJobResponse* response) {
  return RunUnary(context_, call, "ReleaseJob", *request,
                  [this, request, response](const Caller& caller) {
                    return Answer(Release(request->id(), caller), response);
                  });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::RequeueJob(
    grpc::CallbackServerContext* call, const v1::RequeueJobRequest* request,
    v1::RequeueJobResponse* response) {
  return RunUnary(context_, call, "RequeueJob", *request,
                  [this, request, response]() -> absl::Status {
                    RETURN_IF_ERROR(CheckMessage(request->message()));
                    return Answer(parts_.scheduler.Requeue(request->id(),
                                                           request->message()),
                                  response);
                  });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::UpdateJob(
    grpc::CallbackServerContext* call, const v1::UpdateJobRequest* request,
    v1::UpdateJobResponse* response) {
  return RunUnary(context_, call, "UpdateJob", *request,
                  [this, request, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(const JobUpdate update,
                                     ParseUpdate(*request));
                    return Answer(parts_.schedule.UpdateJob(update), response);
                  });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::Drain(
    grpc::CallbackServerContext* call, const v1::DrainRequest* request,
    v1::DrainResponse* response) {
  return RunUnary(
      context_, call, "Drain", *request,
      [this, request, response]() -> absl::Status {
        RETURN_IF_ERROR(CheckMessage(request->message()));
        RETURN_IF_ERROR(parts_.scheduler.Drain(request->message(),
                                               request->requeue_running()));
        ASSIGN_OR_RETURN(const auto running, parts_.jobs.RunningJobs());
        response->set_jobs_running(static_cast<int64_t>(running.size()));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::Resume(
    grpc::CallbackServerContext* call, const v1::ResumeRequest* request,
    v1::ResumeResponse*) {
  return RunUnary(context_, call, "Resume", *request,
                  [this] { return parts_.scheduler.Resume(); });
}

grpc::ServerUnaryReactor* ScheduleServiceImpl::ListShares(
    grpc::CallbackServerContext* call, const v1::ListSharesRequest* request,
    v1::ListSharesResponse* response) {
  return RunUnary(context_, call, "ListShares", *request,
                  [this, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(const auto rows,
                                     parts_.scheduler.Shares());
                    const ShareRules& rules = parts_.scheduler.rules().shares;
                    for (const ShareRow& row : rows) {
                      v1::Share& share = *response->add_shares();
                      share.set_group(row.account.group);
                      share.set_user(row.account.user);
                      share.set_shares(rules.UserShares(row.account.user));
                      share.set_decayed_device_seconds(row.decayed);
                      share.set_week_device_seconds(row.week);
                      share.set_running_jobs(row.load.running_jobs);
                      share.set_running_devices(row.load.running_devices);
                      share.set_waiting_jobs(row.load.waiting_jobs);
                    }
                    response->mutable_half_life()->set_seconds(
                        absl::ToInt64Seconds(rules.half_life));
                    return absl::OkStatus();
                  });
}

}  // namespace atelier::server
