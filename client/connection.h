// The line to the daemon.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "atelier/v1/access.grpc.pb.h"
#include "atelier/v1/device.grpc.pb.h"
#include "atelier/v1/job.grpc.pb.h"
#include "atelier/v1/schedule.grpc.pb.h"
#include "atelier/v1/server.grpc.pb.h"
#include "client/context.h"
#include "client/credentials.h"

namespace atelier::client {

// Times to wait between attempts to reach a daemon that is away: 0.2 s, then
// twice as long each time, 5 s at most.
class Backoff {
 public:
  absl::Duration Next();

 private:
  absl::Duration next_ = absl::Milliseconds(200);
};

class Connection {
 public:
  // `address` is a gRPC target. Connects on the first call.
  Connection(std::string address, const Context& context,
             Credentials credentials = {});

  // One request and its answer. Each attempt has 10 s; an unreachable daemon is
  // tried four times with the same request.
  // Errors: those of the call, with their details; UNAVAILABLE names the
  // address.
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::JobService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    return Retry([&](grpc::ClientContext* call) {
      response->Clear();
      return (jobs_.get()->*method)(call, request, response);
    });
  }

  // The same of the other service.
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::AccessService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    return Retry([&](grpc::ClientContext* call) {
      response->Clear();
      return (access_.get()->*method)(call, request, response);
    });
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::ScheduleService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    return Retry([&](grpc::ClientContext* call) {
      response->Clear();
      return (schedule_.get()->*method)(call, request, response);
    });
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::DeviceService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    return Retry([&](grpc::ClientContext* call) {
      response->Clear();
      return (devices_.get()->*method)(call, request, response);
    });
  }

  absl::Status GetServerInfo(v1::GetServerInfoResponse* response);

  // NOT_FOUND where there is no such job.
  absl::StatusOr<v1::Job> GetJob(int64_t id);

  // Drops the line, so that the next call connects anew. No call may be under
  // way.
  void Reopen();

  // For streams, whose callers reconnect by themselves.
  v1::JobService::Stub& jobs() { return *jobs_; }
  const Context& context() const { return context_; }

  // The same error, in words of the client where the daemon is out of reach.
  absl::Status Explain(const absl::Status& status) const;

 private:
  absl::Status Retry(
      const std::function<grpc::Status(grpc::ClientContext*)>& call);

  std::string address_;
  const Context& context_;
  const Credentials credentials_;
  std::unique_ptr<v1::AccessService::Stub> access_;
  std::unique_ptr<v1::DeviceService::Stub> devices_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ScheduleService::Stub> schedule_;
  std::unique_ptr<v1::ServerService::Stub> server_;
};

}  // namespace atelier::client
