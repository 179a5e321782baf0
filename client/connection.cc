#include "client/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/support/channel_arguments.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

constexpr int kTries = 4;
constexpr auto kCallLimit = std::chrono::seconds(10);
constexpr absl::Duration kLongestWait = absl::Seconds(5);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address,
                                           const Credentials& credentials) {
  grpc::ChannelArguments arguments;
  // Channels of its own, so that a new one really connects anew instead of
  // waiting for the back-off of the last.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!absl::StartsWith(address, "unix:")) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  }
  return MakeSecureChannel(address, credentials, arguments);
}

}  // namespace

absl::Duration Backoff::Next() {
  return std::exchange(next_, std::min(next_ * 2, kLongestWait));
}

Connection::Connection(std::string address, const Context& context,
                       Credentials credentials)
    : address_(std::move(address)),
      context_(context),
      credentials_(std::move(credentials)) {
  Reopen();
}

void Connection::Reopen() {
  const auto channel = MakeChannel(address_, credentials_);
  access_ = v1::AccessService::NewStub(channel);
  devices_ = v1::DeviceService::NewStub(channel);
  schedule_ = v1::ScheduleService::NewStub(channel);
  jobs_ = v1::JobService::NewStub(channel);
  server_ = v1::ServerService::NewStub(channel);
}

absl::Status Connection::Retry(
    const std::function<grpc::Status(grpc::ClientContext*)>& call) {
  Backoff backoff;
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    if (i > 0) {
      context_.sleep(backoff.Next());
      Reopen();
    }
    grpc::ClientContext attempt;
    attempt.set_deadline(std::chrono::system_clock::now() + kCallLimit);
    status = FromGrpcStatus(call(&attempt));
    if (status.code() != absl::StatusCode::kUnavailable) break;
  }
  return Explain(status);
}

absl::Status Connection::Explain(const absl::Status& status) const {
  if (status.code() == absl::StatusCode::kUnavailable) {
    return AddContext(status, absl::StrCat("cannot reach atelierd at ",
                                           address_, " (is it running?)"));
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return AddContext(status,
                      absl::StrCat("no answer from atelierd at ", address_));
  }
  return status;
}

absl::Status Connection::GetServerInfo(v1::GetServerInfoResponse* response) {
  return Retry([&](grpc::ClientContext* call) {
    return server_->GetServerInfo(call, v1::GetServerInfoRequest(), response);
  });
}

absl::StatusOr<v1::Job> Connection::GetJob(int64_t id) {
  v1::GetJobRequest request;
  request.set_id(id);
  v1::GetJobResponse response;
  RETURN_IF_ERROR(Call(&v1::JobService::Stub::GetJob, request, &response));
  return std::move(*response.mutable_job());
}

}  // namespace atelier::client
