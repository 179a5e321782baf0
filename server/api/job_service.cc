#include "server/api/job_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/api/job_pumps.h"
#include "server/jobs/attempt_token.h"
#include "server/jobs/job_message.h"
#include "server/jobs/schedule_spec.h"

namespace atelier::server {
namespace {

// 8-4-4-4-12 hexadecimal digits.
bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

absl::Status CheckSubmission(const v1::SubmitJobRequest& request,
                             size_t max_spec_bytes) {
  std::vector<Violation> violations;
  if (!request.has_spec()) violations.push_back({"spec", "spec is missing"});
  if (request.spec().ByteSizeLong() > max_spec_bytes)
    violations.push_back(
        {"spec", absl::StrCat("spec has ", request.spec().ByteSizeLong(),
                              " bytes; at most ", max_spec_bytes)});
  if (!request.request_id().empty() && !IsUuid(request.request_id()))
    violations.push_back(
        {"request_id",
         "request_id is not a UUID of 36 characters; leave it empty or make a "
         "new one"});
  return MakeBadRequest(reasons::kInvalidRequest, violations);
}

}  // namespace

JobServiceImpl::JobServiceImpl(const CallContext& context,
                               JobServiceParts parts)
    : context_(context), parts_(std::move(parts)) {}

absl::Status JobServiceImpl::CheckArchitecture(
    v1::Architecture architecture) const {
  if (!parts_.capabilities.ok())
    return absl::FailedPreconditionError(absl::StrCat(
        "no job can run: ", parts_.capabilities.status().message()));
  const auto& known = parts_.capabilities->architectures();
  if (std::find(known.begin(), known.end(), architecture) != known.end())
    return absl::OkStatus();
  std::string names;
  for (int value : known)
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    ArchitectureName(static_cast<v1::Architecture>(value)));
  return MakeBadRequest(
      reasons::kUnsupportedArchitecture,
      {{"architecture",
        absl::StrCat("architecture is ", ArchitectureName(architecture),
                     "; the installed trainer knows ", names)}});
}

absl::Status JobServiceImpl::Submit(const v1::SubmitJobRequest& request,
                                    const Caller& caller,
                                    v1::SubmitJobResponse& response) {
  RETURN_IF_ERROR(CheckSubmission(request, parts_.max_spec_bytes));
  const std::string& owner = caller.user;
  NewJob job;
  job.owner = owner;
  job.request_id = absl::AsciiStrToLower(request.request_id());
  job.body_hash = RequestBodyHash(request.spec());
  if (!job.request_id.empty() && !request.validate_only()) {
    // Before anything is checked again: the inputs may be gone by now.
    ASSIGN_OR_RETURN(
        const std::optional<Job> earlier,
        parts_.store.FindSubmission(owner, job.request_id, job.body_hash));
    if (earlier.has_value()) {
      *response.mutable_job() = ToMessage(*earlier);
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(ResolvedSpec resolved,
                   ResolveJobSpec(request.spec(), parts_.limits, parts_.seeds));
  RETURN_IF_ERROR(ResolveSchedule(parts_.schedule, owner, &resolved.spec));
  RETURN_IF_ERROR(
      MakeBadRequest(CheckRoots(parts_.roots, resolved.spec.training())));
  RETURN_IF_ERROR(CheckArchitecture(resolved.spec.architecture()));
  for (std::string& warning : resolved.warnings)
    response.add_warnings(std::move(warning));
  if (request.validate_only()) {
    *response.mutable_job()->mutable_spec() = std::move(resolved.spec);
    response.mutable_job()->set_owner(owner);
    return absl::OkStatus();
  }
  job.spec = std::move(resolved.spec);
  job.queued_quota = parts_.schedule.quotas.OfUser(owner).queued_jobs;
  ASSIGN_OR_RETURN(Submission submission, parts_.store.SubmitJob(job));
  if (submission.is_new) context_.metrics.Submitted();
  *response.mutable_job() = ToMessage(submission.job);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* JobServiceImpl::SubmitJob(
    grpc::CallbackServerContext* call, const v1::SubmitJobRequest* request,
    v1::SubmitJobResponse* response) {
  return RunUnary(context_, call, "SubmitJob", *request,
                  [this, request, response](const Caller& caller, JobId* made) {
                    absl::Status status = Submit(*request, caller, *response);
                    *made = response->job().id();
                    return status;
                  });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(
    grpc::CallbackServerContext* call, const v1::GetJobRequest* request,
    v1::GetJobResponse* response) {
  return RunUnary(
      context_, call, "GetJob", *request,
      [this, request, response](const Caller& caller) -> absl::Status {
        ASSIGN_OR_RETURN(Job job, parts_.store.ReadJob(request->id()));
        *response->mutable_job() = ToMessage(job);
        HideJob(context_.gate.policy(), caller, response->mutable_job());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(
    grpc::CallbackServerContext* call, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  return RunUnary(
      context_, call, "ListJobs", *request,
      [this, request, response](const Caller& caller) -> absl::Status {
        const AccessPolicy& policy = context_.gate.policy();
        ASSIGN_OR_RETURN(
            JobPage page,
            parts_.store.ListJobs({request->page_size(), request->page_token(),
                                   FilterFor(policy, caller, request->filter(),
                                             request->order_by()),
                                   request->order_by()}));
        for (const Job& job : page.jobs) {
          *response->add_jobs() = ToMessage(job);
          HideJob(policy, caller, &*response->mutable_jobs()->rbegin());
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(
    grpc::CallbackServerContext* call, const v1::CancelJobRequest* request,
    v1::CancelJobResponse* response) {
  return RunUnary(context_, call, "CancelJob", *request,
                  [this, request, response]() -> absl::Status {
                    RETURN_IF_ERROR(CheckMessage(request->message()));
                    ASSIGN_OR_RETURN(Job job,
                                     parts_.store.RequestCancel(
                                         request->id(), request->message()));
                    *response->mutable_job() = ToMessage(job);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* JobServiceImpl::ListArtifacts(
    grpc::CallbackServerContext* call, const v1::ListArtifactsRequest* request,
    v1::ListArtifactsResponse* response) {
  return RunUnary(context_, call, "ListArtifacts", *request,
                  [this, request, response]() -> absl::Status {
                    ASSIGN_OR_RETURN(
                        ArtifactPage page,
                        parts_.store.ListArtifacts(
                            {request->id(), request->kind(),
                             request->page_size(), request->page_token()}));
                    for (v1::Artifact& artifact : page.artifacts)
                      *response->add_artifacts() = std::move(artifact);
                    response->set_next_page_token(page.next_page_token);
                    return absl::OkStatus();
                  });
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobServiceImpl::WatchJob(
    grpc::CallbackServerContext* call, const v1::WatchJobRequest* request) {
  return StreamWriter<v1::WatchJobResponse>::Start(
      context_, call, "WatchJob", *request,
      [this, request = *request](std::function<void()> wake) {
        return MakeWatchPump(parts_.bus, request, parts_.heartbeat,
                             std::move(wake));
      });
}

grpc::ServerWriteReactor<v1::TailLogsResponse>* JobServiceImpl::TailLogs(
    grpc::CallbackServerContext* call, const v1::TailLogsRequest* request) {
  return StreamWriter<v1::TailLogsResponse>::Start(
      context_, call, "TailLogs", *request,
      [this, request = *request](const std::function<void()>&) {
        return MakeLogPump(parts_.store, request);
      });
}

grpc::ServerWriteReactor<v1::DownloadArtifactResponse>*
JobServiceImpl::DownloadArtifact(grpc::CallbackServerContext* call,
                                 const v1::DownloadArtifactRequest* request) {
  return StreamWriter<v1::DownloadArtifactResponse>::Start(
      context_, call, "DownloadArtifact", *request,
      [this, request = *request](const std::function<void()>&) {
        return MakeArtifactPump(parts_.store, request);
      });
}

}  // namespace atelier::server
