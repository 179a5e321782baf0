// The API as a client sees it: bad requests, streams, files, and workers that
// are not who they say.
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/wire_status.h"
#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ApiTest : public DaemonFixture {
 protected:
  absl::Status TrySubmit(const v1::SubmitJobRequest& request,
                         v1::Job* job = nullptr) {
    grpc::ClientContext context;
    v1::SubmitJobResponse response;
    grpc::Status status = jobs_->SubmitJob(&context, request, &response);
    if (job != nullptr) *job = response.job();
    return FromGrpcStatus(status);
  }

  // The first answer to a hello.
  v1::AttachResponse SayHello(int64_t job, int attempt,
                              const std::string& token) {
    grpc::ClientContext context;
    auto stream = workers_->Attach(&context);
    v1::AttachRequest request;
    request.mutable_hello()->set_job_id(job);
    request.mutable_hello()->set_attempt(attempt);
    request.mutable_hello()->set_token(token);
    stream->Write(request);
    v1::AttachResponse response;
    stream->Read(&response);
    context.TryCancel();
    stream->Finish();
    return response;
  }

  // What a download gives: the bytes, and the status.
  std::pair<std::string, absl::Status> Download(int64_t id,
                                                const std::string& path,
                                                int64_t offset = 0) {
    grpc::ClientContext context;
    v1::DownloadArtifactRequest request;
    request.set_id(id);
    request.set_path(path);
    request.set_offset(offset);
    auto stream = jobs_->DownloadArtifact(&context, request);
    std::string bytes;
    v1::DownloadArtifactResponse response;
    while (stream->Read(&response)) bytes += response.data();
    return {bytes, FromGrpcStatus(stream->Finish())};
  }
};

TEST_F(ApiTest, EmptySubmissionIsRefusedWithTheFieldsAtFault) {
  StartDaemon();
  absl::Status status = TrySubmit({});
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(ViolationsOf(status), Not(IsEmpty()));
}

TEST_F(ApiTest, HugeSpecIsRefused) {
  StartDaemon();
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  request.mutable_spec()->set_name(std::string(300000, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(TrySubmit(request)));
  request.mutable_spec()->set_name(std::string(5 << 20, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(TrySubmit(request)));
}

TEST_F(ApiTest, MissingFileIsNamedAtSubmission) {
  StartDaemon();
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  request.mutable_spec()
      ->mutable_training()
      ->mutable_model()
      ->set_pretrained_model_name_or_path("/nonexistent/model.safetensors");
  absl::Status status = TrySubmit(request);
  ASSERT_THAT(ViolationsOf(status), SizeIs(1)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field,
            "training.model.pretrained_model_name_or_path");
}

TEST_F(ApiTest, ArchitectureThatTheTrainerDoesNotKnowIsRefused) {
  StartDaemon();
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  request.mutable_spec()->set_architecture(v1::ARCHITECTURE_FLUX);
  request.mutable_spec()->mutable_training()->clear_dataset();
  absl::Status status = TrySubmit(request);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(ApiTest, SameRequestIdGivesTheSameJob) {
  StartDaemon();
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  request.set_request_id("0190f5d2-0000-7000-8000-000000000001");
  v1::Job first;
  v1::Job again;
  EXPECT_TRUE(TrySubmit(request, &first).ok());
  EXPECT_TRUE(TrySubmit(request, &again).ok());
  EXPECT_EQ(first.id(), again.id());
  // What the job read may be gone when a client asks again.
  std::filesystem::remove(
      request.spec().training().model().pretrained_model_name_or_path());
  EXPECT_TRUE(TrySubmit(request, &again).ok());
  EXPECT_EQ(first.id(), again.id());
  request.mutable_spec()->set_name("another");
  absl::Status reused = TrySubmit(request);
  EXPECT_EQ(ErrorReason(reused), reasons::kRequestIdReused) << reused;
  request.set_request_id("not a uuid");
  EXPECT_TRUE(absl::IsInvalidArgument(TrySubmit(request)));
}

TEST_F(ApiTest, ValidationAloneQueuesNothing) {
  StartDaemon();
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  request.set_validate_only(true);
  v1::Job job;
  EXPECT_TRUE(TrySubmit(request, &job).ok());
  EXPECT_EQ(job.id(), 0);
  EXPECT_TRUE(job.spec().training().run().has_seed());
  EXPECT_EQ(Submit({}), 1);
}

TEST_F(ApiTest, UnknownJobsAreNotFound) {
  StartDaemon();
  for (int64_t id : {int64_t{0}, int64_t{-1}, int64_t{99}, INT64_MAX}) {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_id(id);
    v1::GetJobResponse response;
    absl::Status status =
        FromGrpcStatus(jobs_->GetJob(&context, request, &response));
    EXPECT_EQ(ErrorReason(status), reasons::kJobNotFound) << id << status;
    EXPECT_EQ(Cancel(id).error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_TRUE(absl::IsNotFound(Download(id, "last.bin").second));
  }
}

TEST_F(ApiTest, WatchRefusesSequencesThatDoNotExist) {
  StartDaemon();
  int64_t id = Submit({});
  AwaitEnd(id);
  for (int64_t after : {int64_t{-1}, int64_t{1000}}) {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_id(id);
    request.set_after_sequence(after);
    auto stream = jobs_->WatchJob(&context, request);
    v1::WatchJobResponse response;
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_FALSE(stream->Finish().ok()) << after;
  }
}

TEST_F(ApiTest, WatchOfAnEndedJobGivesTheRestAndEnds) {
  StartDaemon();
  int64_t id = Submit({});
  std::vector<v1::Event> all = Watch(id);
  std::vector<v1::Event> rest = Watch(id, 3);
  ASSERT_EQ(rest.size() + 3, all.size());
  EXPECT_EQ(rest.front().sequence(), 4);
  EXPECT_THAT(Watch(id, all.back().sequence()), IsEmpty());
}

TEST_F(ApiTest, WatcherThatDoesNotReadHoldsNobodyUp) {
  StartDaemon();
  int64_t id = Submit({{"steps", "3000"}});
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_id(id);
  auto slow = jobs_->WatchJob(&context, request);
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
  int64_t sequence = 0;
  v1::WatchJobResponse response;
  while (slow->Read(&response)) {
    if (!response.has_event()) continue;
    EXPECT_EQ(response.event().sequence(), ++sequence);
  }
  EXPECT_TRUE(slow->Finish().ok());
  EXPECT_EQ(sequence, ReadJob(id).last_sequence());
}

TEST_F(ApiTest, LogsFollowTheWorkerToItsEndFromAnyOffset) {
  StartDaemon();
  int64_t id = Submit({{"print", "hello"}, {"pause", "2"}});
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  std::string followed;
  std::thread follower([&] {
    grpc::ClientContext context;
    v1::TailLogsRequest request;
    request.set_id(id);
    request.set_offset(2);
    request.set_follow(true);
    auto stream = jobs_->TailLogs(&context, request);
    v1::TailLogsResponse response;
    while (stream->Read(&response)) followed += response.data();
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_TRUE(response.eof());
  });
  WriteText(File("go"), "");
  follower.join();
  EXPECT_EQ(followed, "llo\nstep 1\nstep 2\nstep 3\n");
}

TEST_F(ApiTest, ArtifactsAreListedAndComeWholeFromAnyOffset) {
  StartDaemon();
  int64_t id = Submit({});
  AwaitEnd(id);
  grpc::ClientContext context;
  v1::ListArtifactsRequest request;
  request.set_id(id);
  v1::ListArtifactsResponse response;
  ASSERT_TRUE(jobs_->ListArtifacts(&context, request, &response).ok());
  ASSERT_THAT(response.artifacts(), SizeIs(1));
  EXPECT_EQ(response.artifacts(0).path(), "last.bin");
  EXPECT_TRUE(response.artifacts(0).is_final());
  EXPECT_EQ(Download(id, "last.bin").first, std::string(1000000, 'w'));
  EXPECT_THAT(Download(id, "last.bin", 999990).first, SizeIs(10));
  EXPECT_TRUE(absl::IsOutOfRange(Download(id, "last.bin", 1000001).second));
}

TEST_F(ApiTest, OnlyTheJobsOwnArtifactsAreGivenOut) {
  StartDaemon();
  int64_t id = Submit({});
  v1::Job job = AwaitEnd(id);
  for (std::string path : {"", "steps", "../attempt-1/token", "/etc/passwd"})
    EXPECT_FALSE(Download(id, path).second.ok()) << path;
  WriteText(job.output_dir() + "/last.bin", std::string(1000000, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(Download(id, "last.bin").second));
  std::filesystem::remove(job.output_dir() + "/last.bin");
  std::filesystem::create_symlink("/etc/passwd",
                                  job.output_dir() + "/last.bin");
  EXPECT_TRUE(absl::IsInvalidArgument(Download(id, "last.bin").second));
  std::filesystem::remove(job.output_dir() + "/last.bin");
  EXPECT_EQ(ErrorReason(Download(id, "last.bin").second),
            reasons::kArtifactGone);
}

TEST_F(ApiTest, WorkerWithAnotherTokenOrAttemptIsFenced) {
  StartDaemon();
  int64_t id = Submit({{"pause", "2"}, {"crash", "1"}});
  ASSERT_TRUE(AwaitFile(File("paused.2")));
  std::string first = ReadText(RunDir(id, 1) + "/token");
  std::string second = ReadText(RunDir(id, 2) + "/token");
  EXPECT_TRUE(SayHello(id, 1, first).has_fenced());
  EXPECT_TRUE(SayHello(id, 2, first).has_fenced());
  EXPECT_TRUE(SayHello(id, 3, second).has_fenced());
  EXPECT_TRUE(SayHello(99, 1, second).has_fenced());
  EXPECT_TRUE(SayHello(id, 2, second).has_welcome());
  WriteText(File("go"), "");
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(ApiTest, ServerSaysWhatItIsAndWhoHoldsItsDevices) {
  StartDaemon();
  int64_t id = Submit({{"pause", "1"}});
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server_->GetServerInfo(&context, {}, &info).ok());
  ASSERT_THAT(info.devices(), SizeIs(1));
  EXPECT_EQ(info.devices(0).id(), "cpu:0");
  EXPECT_EQ(info.devices(0).job_id(), id);
  EXPECT_EQ(info.jobs_running(), 1);
  EXPECT_EQ(info.worker().version(), "fake");
  EXPECT_THAT(info.metrics_address(), HasSubstr("127.0.0.1:"));
  WriteText(File("go"), "");
}

TEST_F(ApiTest, OwnerIsTheUserBehindTheSocket) {
  StartDaemon();
  EXPECT_EQ(ReadJob(Submit({})).owner(), getpwuid(getuid())->pw_name);
}

}  // namespace
}  // namespace atelier::testing
