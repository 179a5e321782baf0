// The real daemon in a folder of its own, whose worker is this program
// (load_worker.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"

#include "atelier/v1/job.grpc.pb.h"

namespace atelier::bench {

// What a job's worker does, as labels of the job.
struct WorkerTask {
  // hold: nothing until it is told to stop; events: sends them.
  std::string kind;
  int64_t events = 0;
  // Events a second; 0: as fast as they are taken.
  int64_t rate = 0;
};

// Ends the process with a message where something does not work: there is
// nothing to measure then.
class LoadDaemon {
 public:
  // `programs` holds atelierd and atelier-shim, `slots` jobs run at a time.
  LoadDaemon(std::string folder, std::string programs, int slots);
  // Ends it and every worker.
  ~LoadDaemon();

  // Returns when it serves; seconds that took.
  double Start();
  void Stop();

  v1::SubmitJobRequest Request(const WorkerTask& task) const;
  int64_t Submit(const WorkerTask& task) const;
  void AwaitRunning(int64_t id) const;

  // A connection of its own, which no other stub shares.
  std::shared_ptr<grpc::Channel> Channel() const;
  std::unique_ptr<v1::JobService::Stub> Jobs() const;

  // Of /metrics: the whole text.
  std::string Metrics() const;

  double CpuSeconds() const;
  double RssMib() const;
  // The most since its start.
  double PeakMib() const;

  std::string database() const { return folder_ + "/state/atelier.db"; }
  std::string File(const std::string& name) const {
    return folder_ + "/" + name;
  }

 private:
  const std::string folder_;
  const std::string programs_;
  int port_ = 0;
  pid_t pid_ = 0;
};

[[noreturn]] void Fail(const std::string& message);

}  // namespace atelier::bench
