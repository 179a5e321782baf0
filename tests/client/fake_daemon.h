// A daemon for tests of the client: real gRPC over a Unix socket, with answers
// that the test writes down and lines that break where it says.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/server.h"

#include "atelier/v1/access.grpc.pb.h"
#include "atelier/v1/device.grpc.pb.h"
#include "atelier/v1/job.grpc.pb.h"
#include "atelier/v1/schedule.grpc.pb.h"
#include "atelier/v1/server.grpc.pb.h"
#include "tests/support/temp_dir.h"

namespace atelier::client {

class FakeDaemon final : public v1::AccessService::Service,
                         public v1::DeviceService::Service,
                         public v1::JobService::Service,
                         public v1::ScheduleService::Service,
                         public v1::ServerService::Service {
 public:
  FakeDaemon();
  ~FakeDaemon() override;

  // What a --server flag says.
  std::string address() const { return "unix:" + dir_.File("d.sock"); }
  // The socket goes away and comes back; calls in between are refused.
  void Stop();
  void Start();

  // What it knows. Written before the calls of a test.
  std::map<int64_t, v1::Job> jobs;
  std::map<int64_t, std::vector<v1::Event>> events;
  std::map<int64_t, std::vector<v1::Artifact>> artifacts;
  std::map<std::string, std::string> files;
  std::string log;
  std::vector<std::string> warnings;
  v1::WhoAmIResponse caller;
  v1::ListUsersResponse users;
  v1::ListTokensResponse tokens;
  v1::ListAuditEntriesResponse audit;
  v1::ListDevicesResponse devices;
  v1::ExplainJobResponse why;

  // How it fails. Each number is used up by one call or stream: so many
  // messages are sent, then the line breaks.
  std::deque<int> breaks;
  // So many calls are refused as unavailable.
  int refusals = 0;
  // Submissions with this seed are invalid.
  int64_t refused_seed = -1;
  // Sent instead of the first stream's OK.
  grpc::Status stream_end = grpc::Status::OK;
  // Streams of events stay open after what is known, until they are cancelled.
  bool stays_open = false;

  // What it was asked.
  std::vector<v1::SubmitJobRequest> submissions;
  std::vector<v1::ListJobsRequest> lists;
  std::vector<v1::DrainDeviceRequest> drains;
  std::vector<int64_t> watched_after;
  std::vector<int64_t> offsets;

 private:
  using Context = grpc::ServerContext;

  grpc::Status SubmitJob(Context* context, const v1::SubmitJobRequest* request,
                         v1::SubmitJobResponse* response) override;
  grpc::Status GetJob(Context* context, const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override;
  grpc::Status ExplainJob(Context* context,
                          const v1::ExplainJobRequest* request,
                          v1::ExplainJobResponse* response) override;
  grpc::Status ListDevices(Context* context,
                           const v1::ListDevicesRequest* request,
                           v1::ListDevicesResponse* response) override;
  grpc::Status DrainDevice(Context* context,
                           const v1::DrainDeviceRequest* request,
                           v1::DrainDeviceResponse* response) override;
  grpc::Status ListJobs(Context* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(Context* context, const v1::CancelJobRequest* request,
                         v1::CancelJobResponse* response) override;
  grpc::Status WatchJob(
      Context* context, const v1::WatchJobRequest* request,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override;
  grpc::Status TailLogs(
      Context* context, const v1::TailLogsRequest* request,
      grpc::ServerWriter<v1::TailLogsResponse>* writer) override;
  grpc::Status ListArtifacts(Context* context,
                             const v1::ListArtifactsRequest* request,
                             v1::ListArtifactsResponse* response) override;
  grpc::Status DownloadArtifact(
      Context* context, const v1::DownloadArtifactRequest* request,
      grpc::ServerWriter<v1::DownloadArtifactResponse>* writer) override;
  grpc::Status GetServerInfo(Context* context,
                             const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override;

  grpc::Status WhoAmI(Context* context, const v1::WhoAmIRequest* request,
                      v1::WhoAmIResponse* response) override;
  grpc::Status ListUsers(Context* context, const v1::ListUsersRequest* request,
                         v1::ListUsersResponse* response) override;
  grpc::Status ListTokens(Context* context,
                          const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status CreateToken(Context* context,
                           const v1::CreateTokenRequest* request,
                           v1::CreateTokenResponse* response) override;
  grpc::Status ListAuditEntries(
      Context* context, const v1::ListAuditEntriesRequest* request,
      v1::ListAuditEntriesResponse* response) override;

  bool Refuses();
  // Messages that the next stream may send; -1: all.
  int NextBreak();

  testing::TempDir dir_;
  std::mutex mutex_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace atelier::client
