#include "trainer/worker/work.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "proto/cc/status_macros.h"
#include "trainer/worker/event_sender.h"
#include "trainer/worker/exit_code.h"
#include "trainer/worker/link.h"
#include "trainer/worker/log_events.h"
#include "trainer/worker/stop_signals.h"

namespace atelier::trainer {
namespace {

// How long the last events are tried to be delivered; the daemon reads from the
// journal what it did not receive.
constexpr absl::Duration kLastWords = absl::Seconds(10);

// Passes events on and remembers the newest step.
class StepWatch : public EventSink {
 public:
  explicit StepWatch(EventSink& next) : next_(next) {}
  void Send(Event event) override {
    step_ = event.step;
    next_.Send(std::move(event));
  }
  int64_t step() const { return step_; }

 private:
  EventSink& next_;
  std::atomic<int64_t> step_{0};
};

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot read the attempt token ", path));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("the attempt token ", path,
                     " can be read by others; its mode must be 0600"));
  }
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the attempt token ", path, " is empty"));
  }
  return std::string(absl::StripAsciiWhitespace(token));
}

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const WorkFlags& flags) {
  return Journal::Open(absl::StrCat(flags.run_dir, "/events.journal"));
}

[[noreturn]] void EndFenced(const std::string& message) {
  LogLine(message);
  std::_Exit(kExitFenced);
}

int RunAttached(const WorkFlags& flags, const RunFunction& run,
                Journal& journal, Link& link, StopToken& stop) {
  const absl::StatusOr<v1::WorkerWelcome> welcome = link.WaitForWelcome();
  if (!welcome.ok()) {
    LogLine(std::string(welcome.status().message()));
    return absl::IsAborted(welcome.status()) ? kExitFenced : kExitLeaseExpired;
  }
  EventSender sender(
      journal, [&link] { link.Wake(); }, &LogLine);
  LogEvents log(sender);
  StepWatch events(log);
  const absl::Time start = absl::Now();
  const absl::Status status =
      run({welcome->spec(), welcome->output_dir(), flags.attempt > 1}, events,
          stop);
  Event done = DoneEvent(status, events.step(),
                         absl::ToDoubleSeconds(absl::Now() - start));
  if (link.lease_expired() && absl::IsCancelled(status)) {
    auto& outcome = std::get<Done>(done.kind);
    outcome.outcome = "failed";
    outcome.reason = "LEASE_EXPIRED";
    outcome.message =
        "the daemon could not be reached until the lease ended; the state is "
        "saved where the job saves states";
  }
  if (!status.ok() && !LocationTrail(status).empty()) {
    LogLine(absl::StrCat("raised at ", LocationTrail(status)));
  }
  events.Send(std::move(done));
  link.WaitUntilAcknowledged(journal.last_sequence(), kLastWords);
  if (link.lease_expired() && absl::IsCancelled(status)) {
    return kExitLeaseExpired;
  }
  return ExitCodeFor(status);
}

}  // namespace

Event DoneEvent(const absl::Status& status, int64_t step, double seconds) {
  Done done;
  done.total_seconds = seconds;
  if (status.ok()) {
    done.outcome = "succeeded";
  } else if (absl::IsCancelled(status)) {
    done.outcome = "stopped";
  } else {
    done.outcome = "failed";
    done.message = std::string(status.message());
    done.reason = ReasonFor(status);
  }
  return {step, std::move(done)};
}

int Work(const WorkFlags& flags, const RunFunction& run) {
  static StopToken stop;
  StopOnSignals(stop);
  LinkOptions options;
  options.socket_path = flags.socket_path;
  options.job_id = flags.job_id;
  options.attempt = flags.attempt;
  const absl::StatusOr<std::string> token = ReadToken(flags.token_file);
  absl::StatusOr<std::unique_ptr<Journal>> journal = OpenJournal(flags);
  for (const absl::Status& status : {token.status(), journal.status()}) {
    if (status.ok()) continue;
    LogLine(std::string(status.message()));
    return ExitCodeFor(status);
  }
  options.token = *token;
  Link link(std::move(options), **journal, stop, &EndFenced);
  return RunAttached(flags, run, **journal, link, stop);
}

}  // namespace atelier::trainer
