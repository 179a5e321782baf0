// Several users at one daemon, told apart by the kernel: the test connects as
// another user, on real sockets.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel_posix.h"

#include "atelier/v1/access.grpc.pb.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/wire_status.h"
#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kNobody = 65534;

class PeopleTest : public DaemonFixture {
 protected:
  void StartFor(const std::string& security) {
    Configure(absl::StrCat("[security]\nsocket_mode = '0666'\n", security));
    StartDaemon();
    // Others find the socket.
    chmod((state_dir() + "/..").c_str(), 0711);
    chmod(state_dir().c_str(), 0711);
    access_ = v1::AccessService::NewStub(Channel(ConnectAs(geteuid())));
  }

  // A connection that the kernel takes for one of `uid`. -1: none.
  int ConnectAs(uid_t uid) const {
    int fd = -1;
    // The thread's own user; the process keeps its.
    std::thread([&] {
      if (uid != geteuid() &&
          syscall(SYS_setresuid, -1, static_cast<int>(uid), -1) != 0)
        return;
      fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address = {};
      address.sun_family = AF_UNIX;
      const std::string path = state_dir() + "/atelier.sock";
      path.copy(address.sun_path, sizeof address.sun_path - 1);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) !=
          0) {
        close(fd);
        fd = -1;
      }
    }).join();
    return fd;
  }
  static std::shared_ptr<grpc::Channel> Channel(int fd) {
    return grpc::CreateInsecureChannelFromFd("peer", fd);
  }

  template <typename Stub, typename Request, typename Response>
  static absl::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    return FromGrpcStatus((stub.*method)(&context, request, response));
  }
  absl::Status SubmitBy(v1::JobService::Stub& stub, v1::Job* job) {
    v1::SubmitJobRequest request;
    *request.mutable_spec() = Spec({});
    v1::SubmitJobResponse response;
    absl::Status status =
        Call(stub, &v1::JobService::Stub::SubmitJob, request, &response);
    *job = response.job();
    return status;
  }
  absl::Status CancelBy(v1::JobService::Stub& stub, int64_t id) {
    v1::CancelJobRequest request;
    request.set_id(id);
    v1::CancelJobResponse response;
    return Call(stub, &v1::JobService::Stub::CancelJob, request, &response);
  }
  absl::Status ListBy(v1::JobService::Stub& stub) {
    v1::ListJobsResponse response;
    return Call(stub, &v1::JobService::Stub::ListJobs, v1::ListJobsRequest(),
                &response);
  }
  std::string Log() const { return ReadText(state_dir() + "/../daemon.log"); }

  std::unique_ptr<v1::AccessService::Stub> access_;
};

TEST_F(PeopleTest, AnotherUserLooksAtAJobButDoesNotChangeIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can connect as another user";
  StartFor("");
  auto nobody = v1::JobService::NewStub(Channel(ConnectAs(kNobody)));
  const int64_t of_root = Submit({{"pause", "1"}});
  v1::GetJobRequest get;
  get.set_id(of_root);
  v1::GetJobResponse got;
  EXPECT_TRUE(Call(*nobody, &v1::JobService::Stub::GetJob, get, &got).ok());
  EXPECT_EQ(got.job().owner(), "root");
  EXPECT_FALSE(got.job().spec().name().empty());
  const absl::Status refused = CancelBy(*nobody, of_root);
  EXPECT_EQ(ErrorReason(refused), reasons::kNotAllowed) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("owner of job 1"));

  v1::Job own;
  ASSERT_TRUE(SubmitBy(*nobody, &own).ok());
  EXPECT_EQ(own.owner(), "nobody");
  EXPECT_TRUE(CancelBy(*nobody, own.id()).ok());
  EXPECT_TRUE(Cancel(of_root).ok());

  // Comes after what was queued before it.
  v1::CreateTokenRequest token;
  token.set_user("ana");
  token.set_scope(v1::TOKEN_SCOPE_READ);
  v1::CreateTokenResponse created;
  ASSERT_TRUE(
      Call(*access_, &v1::AccessService::Stub::CreateToken, token, &created)
          .ok());
  v1::ListAuditEntriesResponse audit;
  ASSERT_TRUE(Call(*access_, &v1::AccessService::Stub::ListAuditEntries,
                   v1::ListAuditEntriesRequest(), &audit)
                  .ok());
  std::vector<std::string> lines;
  for (const v1::AuditEntry& entry : audit.entries()) {
    if (!absl::EndsWith(entry.method(), "Job")) continue;
    lines.push_back(absl::StrCat(entry.user(), " ", entry.method(), " ",
                                 entry.job_id(), " ", entry.outcome()));
  }
  EXPECT_THAT(lines, ::testing::ElementsAre(
                         "root CancelJob 1 OK", "nobody CancelJob 2 OK",
                         "nobody SubmitJob 2 OK",
                         "nobody CancelJob 1 PERMISSION_DENIED",
                         "root SubmitJob 1 OK"));
  v1::ListAuditEntriesResponse none;
  auto access = v1::AccessService::NewStub(Channel(ConnectAs(kNobody)));
  EXPECT_EQ(
      ErrorReason(Call(*access, &v1::AccessService::Stub::ListAuditEntries,
                       v1::ListAuditEntriesRequest(), &none)),
      reasons::kNotAllowed);
}

TEST_F(PeopleTest, WhatAnOperatorHoldsItsOwnerDoesNotRelease) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can connect as another user";
  StartFor("");
  const auto channel = Channel(ConnectAs(kNobody));
  auto nobody = v1::JobService::NewStub(channel);
  auto turns = v1::ScheduleService::NewStub(channel);
  auto operators = v1::ScheduleService::NewStub(Channel(ConnectAs(geteuid())));
  Submit({{"pause", "1"}});
  v1::Job own;
  ASSERT_TRUE(SubmitBy(*nobody, &own).ok());
  v1::HoldJobRequest hold;
  hold.set_id(own.id());
  v1::HoldJobResponse held;
  v1::ReleaseJobRequest release;
  release.set_id(own.id());
  v1::ReleaseJobResponse released;
  const auto hold_by = [&](v1::ScheduleService::Stub& stub) {
    return Call(stub, &v1::ScheduleService::Stub::HoldJob, hold, &held);
  };
  const auto release_by = [&](v1::ScheduleService::Stub& stub) {
    return Call(stub, &v1::ScheduleService::Stub::ReleaseJob, release,
                &released);
  };
  ASSERT_TRUE(hold_by(*operators).ok());
  EXPECT_EQ(held.job().reason(), v1::JOB_REASON_HELD_BY_ADMIN);
  EXPECT_EQ(ErrorReason(release_by(*turns)), reasons::kNotAllowed);
  EXPECT_TRUE(release_by(*operators).ok());
  ASSERT_TRUE(hold_by(*turns).ok());
  EXPECT_EQ(held.job().reason(), v1::JOB_REASON_HELD_BY_USER);
  EXPECT_TRUE(release_by(*turns).ok());
}

TEST_F(PeopleTest, WithPrivacyOthersSeeOnlyThatAJobExists) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can connect as another user";
  StartFor("privacy = 'owner'");
  const int64_t id = Submit({});
  AwaitEnd(id);
  auto nobody = v1::JobService::NewStub(Channel(ConnectAs(kNobody)));
  v1::ListJobsResponse list;
  ASSERT_TRUE(Call(*nobody, &v1::JobService::Stub::ListJobs,
                   v1::ListJobsRequest(), &list)
                  .ok());
  ASSERT_EQ(list.jobs_size(), 1);
  EXPECT_TRUE(list.jobs(0).hidden());
  EXPECT_FALSE(list.jobs(0).has_spec());
  grpc::ClientContext context;
  v1::TailLogsRequest request;
  request.set_id(id);
  auto stream = nobody->TailLogs(&context, request);
  v1::TailLogsResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ErrorReason(FromGrpcStatus(stream->Finish())),
            reasons::kNotAllowed);
}

TEST_F(PeopleTest, CallsBeyondTheRateAreRefusedForThatUserOnly) {
  StartFor("calls_per_second = 0.01");
  // The burst is one call.
  auto mine = v1::JobService::NewStub(Channel(ConnectAs(geteuid())));
  EXPECT_TRUE(ListBy(*mine).ok());
  const absl::Status refused = ListBy(*mine);
  EXPECT_EQ(ErrorReason(refused), reasons::kTooManyCalls) << refused;
  EXPECT_GT(RetryDelay(refused), absl::Seconds(1));
  if (geteuid() != 0) return;
  auto nobody = v1::JobService::NewStub(Channel(ConnectAs(kNobody)));
  EXPECT_TRUE(ListBy(*nobody).ok());
}

TEST_F(PeopleTest, StreamsAndConnectionsAreLimited) {
  StartFor("max_streams = 1\nmax_connections = 2");
  const int64_t id = Submit({{"pause", "1"}});
  v1::WatchJobRequest request;
  request.set_id(id);
  v1::WatchJobResponse response;
  grpc::ClientContext first;
  auto stream = jobs_->WatchJob(&first, request);
  ASSERT_TRUE(stream->Read(&response));
  grpc::ClientContext second;
  auto refused = jobs_->WatchJob(&second, request);
  EXPECT_FALSE(refused->Read(&response));
  EXPECT_EQ(ErrorReason(FromGrpcStatus(refused->Finish())),
            reasons::kTooManyStreams);
  first.TryCancel();
  stream->Finish();
  // The fixture's connection and access_ are two; the third is closed.
  auto third = v1::JobService::NewStub(Channel(ConnectAs(geteuid())));
  EXPECT_EQ(ListBy(*third).code(), absl::StatusCode::kUnavailable);
  access_.reset();
}

TEST_F(PeopleTest, AClientThatDoesNotReadIsEndedAndCanGoOn) {
  StartFor("slow_reader_seconds = 0.3");
  const int64_t id = Submit({});
  AwaitEnd(id);
  // More than all buffers on the way take.
  const std::string log(32 << 20, 'x');
  WriteText(RunDir(id) + "/worker.log", log);
  v1::TailLogsRequest request;
  request.set_id(id);
  grpc::ClientContext context;
  auto slow = jobs_->TailLogs(&context, request);
  ASSERT_TRUE(
      AwaitText(state_dir() + "/../daemon.log", "nothing was read for 300ms"));
  v1::TailLogsResponse response;
  while (slow->Read(&response)) {
    request.set_offset(response.offset() +
                       static_cast<int64_t>(response.data().size()));
  }
  const absl::Status ended = FromGrpcStatus(slow->Finish());
  // Cut off where it did not even take the status in time.
  EXPECT_TRUE(ErrorReason(ended) == reasons::kSlowReader ||
              absl::IsCancelled(ended))
      << ended;
  EXPECT_LT(request.offset(), static_cast<int64_t>(log.size()));
  grpc::ClientContext again;
  auto rest = jobs_->TailLogs(&again, request);
  int64_t end = request.offset();
  while (rest->Read(&response)) {
    EXPECT_EQ(response.offset(), end);
    end += static_cast<int64_t>(response.data().size());
  }
  EXPECT_TRUE(rest->Finish().ok());
  EXPECT_EQ(end, static_cast<int64_t>(log.size()));
}

TEST_F(PeopleTest, JobsOutsideTheRootsAreRefusedAtSubmission) {
  StartFor("input_roots = ['/usr/share']");
  v1::Job job;
  const absl::Status refused = SubmitBy(*jobs_, &job);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("which is not below /usr/share"));
}

}  // namespace
}  // namespace atelier::testing
