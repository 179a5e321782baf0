#include "tests/bench/daemon_load/load_worker.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"

#include "tests/bench/daemon_load/figures.h"
#include "tests/support/await.h"
#include "tests/support/fake_link.h"

namespace atelier::bench {
namespace {

constexpr int kExitStopped = 85;
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr absl::Duration kLongest = absl::Minutes(5);

v1::Event StepEvent(int64_t step, int64_t steps) {
  v1::Event event;
  event.set_step(step);
  // When it was made: watchers measure from then on.
  *event.mutable_time() =
      google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
          absl::GetCurrentTimeNanos());
  event.mutable_step_done()->set_total_steps(steps);
  event.mutable_step_done()->set_loss(0.5);
  event.mutable_step_done()->set_smoothed_loss(0.5);
  event.mutable_step_done()->set_step_seconds(0.02);
  return event;
}

int Finish(testing::FakeLink& link, const std::string& outcome, int code) {
  v1::Event event;
  event.mutable_done()->set_outcome(outcome);
  link.Send(event);
  link.AwaitAcknowledged(kLongest);
  return code;
}

int Hold(testing::FakeLink& link) {
  while (!link.is_stop_requested())
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(kLook));
  return Finish(link, "stopped", kExitStopped);
}

int SendEvents(testing::FakeLink& link, const std::string& dir, int64_t count,
               int64_t rate) {
  testing::AwaitFile(dir + "/" + kGoFile, kLongest);
  const auto begin = std::chrono::steady_clock::now();
  const Watch watch;
  for (int64_t i = 1; i <= count; ++i) {
    if (rate > 0)
      std::this_thread::sleep_until(
          begin + std::chrono::microseconds(i * 1000000 / rate));
    link.Send(StepEvent(i, count));
  }
  const bool is_all = link.AwaitAcknowledged(kLongest);
  testing::WriteText(dir + "/" + kSecondsFile,
                     absl::StrCat(is_all ? watch.Seconds() : -1, "\n"));
  return Finish(link, "succeeded", 0);
}

}  // namespace

int DescribeLoadWorker() {
  printf(
      "{\"version\": \"load\", \"architectures\": [\"SD1\"], \"optimizers\": "
      "[\"AdamW\"], \"has_cuda\": false}\n");
  return 0;
}

int RunLoadWorker(int argc, char** argv) {
  testing::FakeFlags flags;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--socket") flags.socket = argv[i + 1];
    if (name == "--job") flags.job = atoll(argv[i + 1]);
    if (name == "--attempt") flags.attempt = atoi(argv[i + 1]);
    if (name == "--token-file") flags.token = testing::ReadText(argv[i + 1]);
    if (name == "--run-dir") flags.run_dir = argv[i + 1];
  }
  testing::FakeLink link(std::move(flags));
  const v1::WorkerWelcome welcome = link.AwaitWelcome();
  std::filesystem::create_directories(welcome.output_dir());
  v1::Event training;
  training.mutable_phase()->set_phase("training");
  link.Send(training);
  const auto& labels = welcome.spec().labels();
  const int code = labels.at("kind") == "hold"
                       ? Hold(link)
                       : SendEvents(link, labels.at("dir"),
                                    atoll(labels.at("events").c_str()),
                                    atoll(labels.at("rate").c_str()));
  _exit(code);
}

}  // namespace atelier::bench
