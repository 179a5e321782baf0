// A daemon in a folder of its own: the real atelierd as a child process, real
// sockets, real shims, and the fake trainer (fake_trainer.cc) as worker.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

#include "atelier/v1/device.grpc.pb.h"
#include "atelier/v1/job.grpc.pb.h"
#include "atelier/v1/schedule.grpc.pb.h"
#include "atelier/v1/server.grpc.pb.h"
#include "atelier/v1/worker.grpc.pb.h"
#include "tests/support/temp_dir.h"

namespace atelier::testing {

using Labels = std::map<std::string, std::string>;

class DaemonFixture : public ::testing::Test {
 protected:
  DaemonFixture();
  // Ends the daemon and every worker.
  ~DaemonFixture() override;

  // Lines that go into the config file; call before StartDaemon.
  void Configure(const std::string& lines) { config_ += lines + "\n"; }

  // Starts the daemon and returns when it is ready.
  void StartDaemon();
  // kill -9; returns when it is gone.
  void KillDaemon();
  // SIGTERM; returns its exit status.
  int StopDaemon();

  // A job for the fake trainer; `dir` of the labels is set to dir().
  v1::JobSpec Spec(const Labels& labels) const;
  int64_t Submit(const Labels& labels, int max_attempts = 3);

  int64_t SubmitSpec(const v1::JobSpec& spec);
  // What the daemon answers.
  grpc::Status TrySubmit(const v1::JobSpec& spec);

  v1::ListDevicesResponse ListDevices();
  grpc::Status DrainDevice(const std::string& id, bool drained);

  v1::Job ReadJob(int64_t id);
  // Watches from `after` on until `until` holds for an event, or the stream
  // ends; returns all events.
  using Until = std::function<bool(const v1::Event&)>;
  std::vector<v1::Event> Watch(int64_t id, int64_t after = 0,
                               const Until& until = nullptr);
  // Waits for the end of a job.
  v1::Job AwaitEnd(int64_t id);
  void AwaitState(int64_t id, v1::JobState state);
  grpc::Status Cancel(int64_t id);

  // The processes of an attempt, as its run folder has them.
  pid_t ShimPid(int64_t id, int attempt = 1);
  pid_t WorkerPid(int64_t id, int attempt = 1);
  std::string RunDir(int64_t id, int attempt = 1) const;

  // Where fake trainers leave and look for their files.
  std::string dir() const { return folder_.File("dir"); }
  std::string File(const std::string& name) const { return dir() + "/" + name; }
  std::string state_dir() const { return folder_.File("state"); }
  pid_t daemon_pid() const { return daemon_; }

  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ScheduleService::Stub> schedule_;
  std::unique_ptr<v1::ServerService::Stub> server_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
  std::unique_ptr<v1::DeviceService::Stub> devices_;

 private:
  void Connect();

  TempDir folder_;
  std::string config_;
  pid_t daemon_ = 0;
};

}  // namespace atelier::testing
