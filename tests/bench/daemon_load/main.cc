// The daemon under load, in a folder of its own and with gRPC clients: prints
// what was measured as JSON lines.
//
//   daemon_load --folder DIR [--quick]
//
// The daemon starts this same program as its worker.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/bench/daemon_load/figures.h"
#include "tests/bench/daemon_load/job_rows.h"
#include "tests/bench/daemon_load/load_daemon.h"
#include "tests/bench/daemon_load/load_worker.h"
#include "tests/bench/daemon_load/submissions.h"
#include "tests/bench/daemon_load/watchers.h"
#include "tests/support/await.h"

namespace atelier::bench {
namespace {

constexpr int kSlots = 10;

// How much of everything.
struct Sizes {
  double idle_seconds = 10;
  double submit_seconds = 4;
  int watchers = 1000;
  int64_t watched_events = 500;
  int64_t ingested_events = 200000;
  int64_t rows = 1000000;
  int calls = 300;
};
constexpr Sizes kQuick = {1, 0.5, 20, 50, 2000, 2000, 20};

void MeasureIdle(LoadDaemon& daemon, double seconds) {
  const double cpu = daemon.CpuSeconds();
  const Watch watch;
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  Print("idle_cpu_share", "idle, share of a core",
        (daemon.CpuSeconds() - cpu) / watch.Seconds(), "");
  Print("idle_rss_mib", "idle, memory", daemon.RssMib(), "MiB");
}

void MeasureWatchers(LoadDaemon& daemon, const Sizes& sizes) {
  constexpr int64_t kRate = 50;
  const int64_t job = daemon.Submit({"events", sizes.watched_events, kRate});
  daemon.AwaitRunning(job);
  Watchers watchers(daemon, job, sizes.watchers);
  testing::WriteText(daemon.File(kGoFile), "");
  const WatchResult result = watchers.Await();
  const auto sent = double(sizes.watched_events * sizes.watchers);
  Print("watch_received",
        absl::StrCat(sizes.watchers, " watchers at ", kRate,
                     " events/s, share received"),
        double(result.received) / sent, "");
  PrintLatencies("watch", absl::StrCat(sizes.watchers, " watchers"),
                 result.seconds);
  Print("watch_rss_mib", "the daemon's memory meanwhile, peak",
        daemon.PeakMib(), "MiB");
  std::filesystem::remove(daemon.File(kGoFile));
  std::filesystem::remove(daemon.File(kSecondsFile));
}

void MeasureIngestion(LoadDaemon& daemon, const Sizes& sizes) {
  const double cpu = daemon.CpuSeconds();
  daemon.Submit({"events", sizes.ingested_events, 0});
  testing::WriteText(daemon.File(kGoFile), "");
  if (!testing::AwaitText(daemon.File(kSecondsFile), "\n", absl::Minutes(5)))
    Fail("the events were not taken in five minutes");
  const double seconds =
      atof(testing::ReadText(daemon.File(kSecondsFile)).c_str());
  Print("ingested_per_second", "events taken from a worker and stored",
        double(sizes.ingested_events) / seconds, "events/s");
  Print("ingested_cpu_seconds_a_million", "the daemon's CPU time for a million",
        (daemon.CpuSeconds() - cpu) * 1e6 / double(sizes.ingested_events), "s");
}

void MeasureSubmissions(LoadDaemon& daemon, const Sizes& sizes) {
  const double disk =
      DiskCommitsPerSecond(daemon.File(""), sizes.submit_seconds / 2);
  const double one = SubmissionsPerSecond(daemon, 1, sizes.submit_seconds);
  const double many = SubmissionsPerSecond(daemon, 64, sizes.submit_seconds);
  Print("disk_commits", "the disk's own commits", disk, "/s");
  Print("submit_one", "submissions, 1 client", one, "/s");
  Print("submit_many", "submissions, 64 clients", many, "/s");
  Print("submit_one_to_disk", "1 client against the disk", one / disk, "");
  Print("submit_many_to_disk", "64 clients against the disk", many / disk, "");
}

// Counts of the scheduler's histogram, by upper bound.
std::map<double, double> PassCounts(const std::string& metrics) {
  std::map<double, double> counts;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    constexpr char kName[] = "atelier_scheduler_pass_seconds_bucket{le=\"";
    if (!absl::StartsWith(line, kName)) continue;
    const std::string rest = line.substr(sizeof kName - 1);
    counts[strtod(rest.c_str(), nullptr)] =
        strtod(rest.c_str() + rest.rfind(' '), nullptr);
  }
  return counts;
}

// The upper bound of the bucket in which 99 % of the passes since `before` lie.
double PassP99(const std::map<double, double>& before,
               const std::map<double, double>& after) {
  const auto since = [&](double bound) {
    return after.at(bound) - (before.count(bound) ? before.at(bound) : 0);
  };
  for (const auto& [bound, count] : after)
    if (since(bound) >= 0.99 * since(after.rbegin()->first)) return bound;
  return 0;
}

void MeasureManyRows(LoadDaemon& daemon, const Sizes& sizes) {
  const int64_t like = daemon.Submit({"hold", 0, 0});
  daemon.Stop();
  AddJobRows(daemon.database(), like, sizes.rows);
  Print("restart_seconds",
        absl::StrCat("restart with ", sizes.rows, " jobs, ", kSlots,
                     " running, to serving"),
        daemon.Start(), "s");
  // The first look at the queue explains to all jobs why they wait.
  SubmissionTimes(daemon, 1);
  const auto before = PassCounts(daemon.Metrics());
  PrintLatencies("submit",
                 absl::StrCat("submission with ", sizes.rows, " jobs"),
                 SubmissionTimes(daemon, sizes.calls));
  const auto after = PassCounts(daemon.Metrics());
  if (!after.empty())
    Print("next_job_p99_ms", "a look at the queue, p99 at most",
          PassP99(before, after) * 1e3, "ms");
  PrintLatencies("list", absl::StrCat("list page with ", sizes.rows, " jobs"),
                 ListTimes(daemon, sizes.calls / 5));
  Print("rows_rss_mib", "the daemon's memory with these", daemon.RssMib(),
        "MiB");
}

void Measure(const std::string& folder, const Sizes& sizes) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string programs =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  {
    LoadDaemon daemon(folder, programs, kSlots);
    daemon.Start();
    MeasureIdle(daemon, sizes.idle_seconds);
    MeasureWatchers(daemon, sizes);
    MeasureIngestion(daemon, sizes);
    for (int i = 0; i < kSlots; ++i)
      daemon.AwaitRunning(daemon.Submit({"hold", 0, 0}));
    MeasureSubmissions(daemon, sizes);
    MeasureManyRows(daemon, sizes);
  }
  std::filesystem::remove_all(folder);
}

int Main(int argc, char** argv) {
  std::string folder;
  bool is_quick = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--quick") == 0) is_quick = true;
    if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) folder = argv[++i];
  }
  if (folder.empty()) Fail("usage: daemon_load --folder DIR [--quick]");
  Measure(std::filesystem::absolute(folder), is_quick ? kQuick : Sizes());
  return 0;
}

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "--describe") return atelier::bench::DescribeLoadWorker();
  if (command == "work") return atelier::bench::RunLoadWorker(argc, argv);
  return atelier::bench::Main(argc, argv);
}
