#include "server/store/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

// A group larger than this would keep its first change waiting.
constexpr size_t kMaxGroup = 1024;

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, const Clock& clock,
               WriterOptions options)
    : connection_(std::move(connection)),
      clock_(clock),
      options_(std::move(options)),
      thread_([this] { Loop(); }) {}

Writer::~Writer() {
  {
    absl::MutexLock lock(&mutex_);
    is_closing_ = true;
  }
  thread_.join();
  CatchSql("cannot close the database", [this] {
    connection_->Execute("PRAGMA optimize");
    connection_->Execute("PRAGMA wal_checkpoint(TRUNCATE)");
    return absl::OkStatus();
  }).IgnoreError();
}

void Writer::Enqueue(Change change, Done done) {
  Add({std::move(change), std::move(done), absl::OkStatus()}, false);
}

absl::Status Writer::Run(Change change) {
  absl::Notification finished;
  absl::Status result;
  Add({std::move(change),
       [&](absl::Status status) {
         result = std::move(status);
         finished.Notify();
       },
       absl::OkStatus()},
      true);
  finished.WaitForNotification();
  return result;
}

void Writer::Add(Item item, bool is_urgent) {
  {
    absl::MutexLock lock(&mutex_);
    if (!is_closing_) {
      queue_.push_back(std::move(item));
      is_urgent_ = is_urgent_ || is_urgent;
      return;
    }
  }
  item.done(MakeError(absl::StatusCode::kUnavailable, reasons::kShuttingDown,
                      "the daemon is shutting down"));
}

void Writer::AddListener(EventListener* listener) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_.push_back(listener);
}

void Writer::RemoveListener(EventListener* listener) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_.erase(std::remove(listeners_.begin(), listeners_.end(), listener),
                   listeners_.end());
}

void Writer::Loop() {
  std::vector<Item> group;
  while (AwaitWork(&group)) {
    WriteTransaction transaction(*connection_, clock_.Now());
    const absl::Status committed = Commit(group, transaction);
    if (committed.ok()) Tell(transaction.events_);
    for (Item& item : group) {
      item.done(item.result.ok() ? committed : std::move(item.result));
    }
    group.clear();
  }
}

bool Writer::AwaitWork(std::vector<Item>* group) {
  absl::MutexLock lock(&mutex_);
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || is_closing_;
  };
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_urgent_ || is_closing_ || queue_.size() >= kMaxGroup;
  };
  mutex_.Await(absl::Condition(&has_work));
  if (queue_.empty()) return false;
  mutex_.AwaitWithTimeout(absl::Condition(&is_due), options_.gather);
  if (queue_.size() <= kMaxGroup) {
    group->swap(queue_);
    is_urgent_ = false;
    return true;
  }
  const auto end = queue_.begin() + kMaxGroup;
  group->assign(std::make_move_iterator(queue_.begin()),
                std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return true;
}

absl::Status Writer::Commit(std::vector<Item>& group,
                            WriteTransaction& transaction) {
  if (!unsafe_.ok()) return unsafe_;
  const absl::Time begin = absl::Now();
  bool sync_failed = false;
  absl::Status result = CatchSql("cannot store the change", [&] {
    try {
      connection_->Execute("BEGIN IMMEDIATE");
      for (Item& item : group) Apply(item, transaction);
      connection_->Execute("COMMIT");
    } catch (const SQLite::Exception& error) {
      sync_failed = error.getExtendedErrorCode() == SQLITE_IOERR_FSYNC;
      throw;
    }
    return absl::OkStatus();
  });
  if (!result.ok() && !connection_->is_idle()) {
    // A failed rollback leaves a transaction that the next BEGIN refuses.
    CatchSql("cannot roll back", [&] {
      connection_->Execute("ROLLBACK");
      return absl::OkStatus();
    }).IgnoreError();
  }
  if (sync_failed) {
    unsafe_ = AddContext(result, "restart the daemon: a sync failed");
  }
  if (options_.on_commit) options_.on_commit(absl::Now() - begin);
  return result;
}

void Writer::Apply(Item& item, WriteTransaction& transaction) {
  const size_t events = transaction.events_.size();
  connection_->Execute("SAVEPOINT change");
  item.result = CatchSql("cannot store the change",
                         [&] { return item.change(transaction); });
  if (!item.result.ok()) {
    transaction.events_.resize(events);
    // SQLite itself has rolled everything back where the disk is full: this
    // throws then, and fails the group.
    connection_->Execute("ROLLBACK TO change");
  }
  connection_->Execute("RELEASE change");
}

void Writer::Tell(const std::vector<std::pair<JobId, v1::Event>>& events) {
  absl::MutexLock lock(&listeners_mutex_);
  std::vector<v1::Event> of_job;
  for (size_t i = 0; i < events.size(); ++i) {
    of_job.push_back(events[i].second);
    const JobId job = events[i].first;
    if (i + 1 < events.size() && events[i + 1].first == job) continue;
    for (EventListener* listener : listeners_) listener->OnEvents(job, of_job);
    of_job.clear();
  }
}

}  // namespace atelier::server
