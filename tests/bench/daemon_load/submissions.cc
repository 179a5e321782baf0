#include "tests/bench/daemon_load/submissions.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/bench/daemon_load/figures.h"

namespace atelier::bench {
namespace {

constexpr WorkerTask kHold = {"hold", 0, 0};

void SubmitOne(v1::JobService::Stub& jobs,
               const v1::SubmitJobRequest& request) {
  grpc::ClientContext context;
  v1::SubmitJobResponse response;
  const grpc::Status status = jobs.SubmitJob(&context, request, &response);
  if (!status.ok()) Fail("a submission failed: " + status.error_message());
}

void ListPages(v1::JobService::Stub& jobs, v1::ListJobsRequest request,
               int count, std::vector<double>* seconds) {
  for (int i = 0; i < count; ++i) {
    grpc::ClientContext context;
    v1::ListJobsResponse response;
    const Watch watch;
    const grpc::Status status = jobs.ListJobs(&context, request, &response);
    seconds->push_back(watch.Seconds());
    if (!status.ok()) Fail("a list failed: " + status.error_message());
    request.set_page_token(response.next_page_token());
    if (response.next_page_token().empty()) return;
  }
}

// A filter for the jobs of whoever runs this.
std::string OwnJobs(v1::JobService::Stub& jobs) {
  v1::ListJobsRequest request;
  request.set_page_size(1);
  grpc::ClientContext context;
  v1::ListJobsResponse response;
  const grpc::Status status = jobs.ListJobs(&context, request, &response);
  if (!status.ok() || response.jobs().empty()) Fail("there are no jobs");
  return "owner = \"" + response.jobs(0).owner() + "\"";
}

}  // namespace

double DiskCommitsPerSecond(const std::string& folder, double seconds) {
  const std::string path = folder + "/commits";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string page(4096, 'p');
  int commits = 0;
  const Watch watch;
  while (watch.Seconds() < seconds) {
    if (write(file, page.data(), page.size()) < 0 || fsync(file) != 0)
      Fail(path + " cannot be written");
    ++commits;
  }
  const double rate = commits / watch.Seconds();
  close(file);
  unlink(path.c_str());
  return rate;
}

double SubmissionsPerSecond(const LoadDaemon& daemon, int clients,
                            double seconds) {
  const v1::SubmitJobRequest request = daemon.Request(kHold);
  std::vector<std::unique_ptr<v1::JobService::Stub>> stubs;
  for (int i = 0; i < clients; ++i) {
    stubs.push_back(daemon.Jobs());
    SubmitOne(*stubs.back(), request);
  }
  std::atomic<int> submitted = 0;
  const Watch watch;
  std::vector<std::thread> threads;
  for (auto& stub : stubs)
    threads.emplace_back([&, jobs = stub.get()] {
      while (watch.Seconds() < seconds) {
        SubmitOne(*jobs, request);
        ++submitted;
      }
    });
  for (std::thread& thread : threads) thread.join();
  return submitted / watch.Seconds();
}

std::vector<double> SubmissionTimes(const LoadDaemon& daemon, int count) {
  const auto jobs = daemon.Jobs();
  const v1::SubmitJobRequest request = daemon.Request(kHold);
  SubmitOne(*jobs, request);
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const Watch watch;
    SubmitOne(*jobs, request);
    seconds.push_back(watch.Seconds());
  }
  return seconds;
}

std::vector<double> ListTimes(const LoadDaemon& daemon, int count) {
  struct Way {
    const char* key;
    std::string filter;
    const char* order;
  };
  const auto jobs = daemon.Jobs();
  const Way ways[] = {
      {"list_newest", "", ""},
      {"list_waiting", "state = PENDING", ""},
      {"list_by_time", "", "create_time desc"},
      {"list_by_state", "", "state"},
      {"list_by_name", "name = load", "id"},
      {"list_succeeded", "state = SUCCEEDED", "id desc"},
      {"list_own", OwnJobs(*jobs), ""},
  };
  std::vector<double> seconds;
  for (const Way& way : ways) {
    v1::ListJobsRequest request;
    request.set_page_size(50);
    request.set_filter(way.filter);
    request.set_order_by(way.order);
    std::vector<double> times;
    ListPages(*jobs, request, count, &times);
    PrintLatencies(
        way.key,
        "list page, filter '" + way.filter + "', order '" + way.order + "'",
        times);
    seconds.insert(seconds.end(), times.begin(), times.end());
  }
  return seconds;
}

}  // namespace atelier::bench
