#include "tests/client/fake_daemon.h"

#include <algorithm>

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

#include "client/sha256.h"
#include "proto/cc/reasons.h"
#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

constexpr size_t kChunkBytes = 4;

grpc::Status NoSuchJob() {
  return ToGrpcStatus(MakeError(absl::StatusCode::kNotFound,
                                reasons::kJobNotFound, "job does not exist"));
}

grpc::Status Gone() {
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going down");
}

std::string DigestOf(const std::string& bytes) {
  Sha256 digest;
  digest.Add(bytes);
  return digest.Finish();
}

}  // namespace

FakeDaemon::FakeDaemon() { Start(); }

FakeDaemon::~FakeDaemon() { Stop(); }

void FakeDaemon::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::AccessService::Service*>(this));
  builder.RegisterService(static_cast<v1::DeviceService::Service*>(this));
  builder.RegisterService(static_cast<v1::JobService::Service*>(this));
  builder.RegisterService(static_cast<v1::ScheduleService::Service*>(this));
  builder.RegisterService(static_cast<v1::ServerService::Service*>(this));
  server_ = builder.BuildAndStart();
}

void FakeDaemon::Stop() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

bool FakeDaemon::Refuses() { return refusals > 0 && refusals-- > 0; }

int FakeDaemon::NextBreak() {
  if (breaks.empty()) return -1;
  const int messages = breaks.front();
  breaks.pop_front();
  return messages;
}

grpc::Status FakeDaemon::SubmitJob(Context*,
                                   const v1::SubmitJobRequest* request,
                                   v1::SubmitJobResponse* response) {
  const std::lock_guard lock(mutex_);
  submissions.push_back(*request);
  if (Refuses()) return Gone();
  if (request->spec().training().run().has_seed() &&
      request->spec().training().run().seed() == refused_seed) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "no such seed"};
  }
  v1::Job& job = *response->mutable_job();
  *job.mutable_spec() = request->spec();
  job.set_state(v1::JOB_STATE_PENDING);
  if (!request->validate_only()) job.set_id(7);
  for (const std::string& warning : warnings) response->add_warnings(warning);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::GetJob(Context*, const v1::GetJobRequest* request,
                                v1::GetJobResponse* response) {
  const std::lock_guard lock(mutex_);
  if (Refuses()) return Gone();
  const auto found = jobs.find(request->id());
  if (found == jobs.end()) return NoSuchJob();
  *response->mutable_job() = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ExplainJob(Context*,
                                    const v1::ExplainJobRequest* request,
                                    v1::ExplainJobResponse* response) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs.find(request->id());
  if (found == jobs.end()) return NoSuchJob();
  *response = why;
  *response->mutable_job() = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListDevices(Context*, const v1::ListDevicesRequest*,
                                     v1::ListDevicesResponse* response) {
  const std::lock_guard lock(mutex_);
  *response = devices;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::DrainDevice(Context*,
                                     const v1::DrainDeviceRequest* request,
                                     v1::DrainDeviceResponse*) {
  const std::lock_guard lock(mutex_);
  drains.push_back(*request);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListJobs(Context*, const v1::ListJobsRequest* request,
                                  v1::ListJobsResponse* response) {
  const std::lock_guard lock(mutex_);
  lists.push_back(*request);
  // Two a page, newest first; the token is the id to go on below.
  const int64_t below = request->page_token().empty()
                            ? INT64_MAX
                            : std::stoll(request->page_token());
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    if (job->first >= below) continue;
    if (response->jobs_size() == 2) {
      response->set_next_page_token(
          std::to_string(response->jobs().rbegin()->id()));
      break;
    }
    *response->add_jobs() = job->second;
  }
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::CancelJob(Context*,
                                   const v1::CancelJobRequest* request,
                                   v1::CancelJobResponse* response) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs.find(request->id());
  if (found == jobs.end()) return NoSuchJob();
  if (found->second.state() != v1::JOB_STATE_RUNNING) {
    return ToGrpcStatus(MakeError(absl::StatusCode::kFailedPrecondition,
                                  reasons::kJobEnded, "job has ended"));
  }
  found->second.set_state(v1::JOB_STATE_STOPPING);
  *response->mutable_job() = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::WatchJob(
    Context* context, const v1::WatchJobRequest* request,
    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  std::unique_lock lock(mutex_);
  watched_after.push_back(request->after_sequence());
  if (events.count(request->id()) == 0) return NoSuchJob();
  const int limit = NextBreak();
  int sent = 0;
  writer->Write(v1::WatchJobResponse());  // a heartbeat
  for (const v1::Event& event : events[request->id()]) {
    // One event too early: the client must drop what it has seen.
    if (event.sequence() < request->after_sequence()) continue;
    if (sent++ == limit) return Gone();
    v1::WatchJobResponse response;
    *response.mutable_event() = event;
    writer->Write(response);
  }
  if (limit >= 0 && sent <= limit) return Gone();
  lock.unlock();
  // Each turn ends with a write that the client's deadline makes fail.
  while (stays_open && !context->IsCancelled()) {
    if (!writer->Write(v1::WatchJobResponse())) break;
  }
  return std::exchange(stream_end, grpc::Status::OK);
}

grpc::Status FakeDaemon::TailLogs(
    Context*, const v1::TailLogsRequest* request,
    grpc::ServerWriter<v1::TailLogsResponse>* writer) {
  const std::lock_guard lock(mutex_);
  offsets.push_back(request->offset());
  const int limit = NextBreak();
  int sent = 0;
  for (size_t at = static_cast<size_t>(request->offset()); at < log.size();
       at += kChunkBytes) {
    if (sent++ == limit) return Gone();
    v1::TailLogsResponse response;
    response.set_attempt(request->attempt() == 0 ? 2 : request->attempt());
    response.set_offset(static_cast<int64_t>(at));
    response.set_data(log.substr(at, kChunkBytes));
    writer->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListArtifacts(Context*,
                                       const v1::ListArtifactsRequest* request,
                                       v1::ListArtifactsResponse* response) {
  const std::lock_guard lock(mutex_);
  // One a page.
  const size_t at =
      request->page_token().empty() ? 0 : std::stoul(request->page_token());
  std::vector<v1::Artifact> matching;
  for (const v1::Artifact& artifact : artifacts[request->id()]) {
    if (artifact.kind() == request->kind()) matching.push_back(artifact);
  }
  if (at < matching.size()) *response->add_artifacts() = matching[at];
  if (at + 1 < matching.size()) {
    response->set_next_page_token(std::to_string(at + 1));
  }
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::DownloadArtifact(
    Context*, const v1::DownloadArtifactRequest* request,
    grpc::ServerWriter<v1::DownloadArtifactResponse>* writer) {
  const std::lock_guard lock(mutex_);
  offsets.push_back(request->offset());
  const std::string& bytes = files[request->path()];
  const int limit = NextBreak();
  v1::DownloadArtifactResponse response;
  response.mutable_header()->set_size_bytes(static_cast<int64_t>(bytes.size()));
  writer->Write(response);
  int sent = 0;
  for (size_t at = static_cast<size_t>(request->offset()); at < bytes.size();
       at += kChunkBytes) {
    if (sent++ == limit) return Gone();
    response.set_data(bytes.substr(at, kChunkBytes));
    writer->Write(response);
  }
  response.set_sha256(DigestOf(bytes));
  writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::WhoAmI(Context*, const v1::WhoAmIRequest*,
                                v1::WhoAmIResponse* response) {
  *response = caller;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListUsers(Context*, const v1::ListUsersRequest*,
                                   v1::ListUsersResponse* response) {
  *response = users;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListTokens(Context*, const v1::ListTokensRequest*,
                                    v1::ListTokensResponse* response) {
  *response = tokens;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::CreateToken(Context*,
                                     const v1::CreateTokenRequest* request,
                                     v1::CreateTokenResponse* response) {
  response->mutable_token()->set_id(1);
  response->mutable_token()->set_user(request->user());
  response->mutable_token()->set_scope(request->scope());
  response->set_secret("secret");
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListAuditEntries(
    Context*, const v1::ListAuditEntriesRequest*,
    v1::ListAuditEntriesResponse* response) {
  *response = audit;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::GetServerInfo(Context*,
                                       const v1::GetServerInfoRequest*,
                                       v1::GetServerInfoResponse* response) {
  const std::lock_guard lock(mutex_);
  if (Refuses()) return Gone();
  response->set_version("9.9.9");
  response->mutable_worker()->add_architectures(v1::ARCHITECTURE_SD1);
  response->add_devices()->set_id("cpu:0");
  return grpc::Status::OK;
}

}  // namespace atelier::client
