#include "server/notify/notifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "spdlog/spdlog.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/job_state.h"
#include "proto/cc/status_macros.h"
#include "server/run/spawner.h"

namespace atelier::server {
namespace {

constexpr absl::Duration kLongestPause = absl::Hours(1);
// After the store could not be read or written.
constexpr absl::Duration kStorePause = absl::Seconds(30);

std::string WithoutNul(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return text;
}

}  // namespace

std::map<std::string, std::string> NotificationVariables(const Job& job) {
  return {{"ATELIER_JOB_ID", absl::StrCat(job.id)},
          {"ATELIER_JOB_NAME", WithoutNul(job.spec.name())},
          {"ATELIER_JOB_OWNER", WithoutNul(job.owner)},
          {"ATELIER_JOB_STATE", EnumName(job.state)},
          {"ATELIER_JOB_REASON", EnumName(job.reason)},
          {"ATELIER_JOB_MESSAGE", WithoutNul(job.message)}};
}

Notifier::Notifier(NotifierOptions options, JobStore& jobs,
                   NotificationStore& store, const Clock& clock)
    : options_(std::move(options)), jobs_(jobs), store_(store), clock_(clock) {}

Notifier::~Notifier() { Stop(); }

absl::Status Notifier::Start() {
  std::vector<v1::JobState> states;
  if (!options_.command.empty()) {
    states = {v1::JOB_STATE_FAILED};
    if (!options_.only_failed)
      states.insert(states.end(),
                    {v1::JOB_STATE_SUCCEEDED, v1::JOB_STATE_CANCELLED});
  }
  RETURN_IF_ERROR(store_.SetNotifiedStates(states));
  if (!states.empty()) thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void Notifier::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Notifier::OnEvents(JobId, absl::Span<const v1::Event> events) {
  for (const v1::Event& event : events) {
    if (!event.has_state() || !IsTerminal(event.state().state())) continue;
    absl::MutexLock lock(&mutex_);
    is_woken_ = true;
    return;
  }
}

void Notifier::Loop() {
  const auto is_due = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return is_woken_ || is_stopping_;
  };
  while (true) {
    const absl::Time next = TellDue();
    absl::MutexLock lock(&mutex_);
    // The wait is real time, whatever clock the rest goes by.
    mutex_.AwaitWithTimeout(absl::Condition(&is_due), next - clock_.Now());
    if (is_stopping_) return;
    is_woken_ = false;
  }
}

absl::Time Notifier::TellDue() {
  while (true) {
    const auto found = store_.ReadDue(clock_.Now());
    if (!found.ok()) {
      spdlog::error("notifications: {}", found.status().ToString());
      return clock_.Now() + kStorePause;
    }
    if (found->due.empty()) return found->next;
    for (const Notification& notification : found->due) {
      {
        absl::MutexLock lock(&mutex_);
        if (is_stopping_) return clock_.Now();
      }
      Tell(notification);
    }
  }
}

void Notifier::Tell(const Notification& notification) {
  const auto job = jobs_.ReadJob(notification.job);
  absl::Status told = job.status();
  if (job.ok())
    told = RunAndRead({options_.command, NotificationVariables(*job), -1},
                      options_.limit)
               .status();
  const int tries = notification.tries + 1;
  absl::Status noted;
  if (told.ok() || tries >= options_.max_tries) {
    noted = store_.ForgetNotification(notification.job);
  } else {
    const absl::Duration pause =
        std::min(kLongestPause, options_.first_pause * (1 << (tries - 1)));
    noted = store_.RetryNotification(notification.job, clock_.Now() + pause);
  }
  if (!told.ok())
    spdlog::warn("job {}: notification failed, try {} of {}: {}",
                 notification.job, tries, options_.max_tries, told.ToString());
  // Not noted: it is told again. Not at once, so that a full disk is no storm.
  if (noted.ok()) return;
  spdlog::error("job {}: {}", notification.job, noted.ToString());
  absl::MutexLock lock(&mutex_);
  const auto is_stopping = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return is_stopping_;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&is_stopping), kStorePause);
}

}  // namespace atelier::server
