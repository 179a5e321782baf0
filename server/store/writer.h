// The one thread that writes: takes what is queued into one transaction, syncs
// it, tells the listeners, and only then answers. While one commit is on its
// way to disk the next group gathers.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job.h"
#include "server/store/connection.h"

namespace atelier::server {

// What a change may do. Exists on the writer thread only.
class WriteTransaction {
 public:
  WriteTransaction(Connection& connection, absl::Time now)
      : connection_(connection), now_(now) {}

  Connection& connection() { return connection_; }
  // One time for all that is written together.
  absl::Time now() const { return now_; }

  // An event that was stored; listeners hear of it once it is durable.
  void Emit(JobId job, v1::Event event) {
    events_.emplace_back(job, std::move(event));
  }

 private:
  friend class Writer;
  Connection& connection_;
  const absl::Time now_;
  std::vector<std::pair<JobId, v1::Event>> events_;
};

struct WriterOptions {
  // How long changes that are not urgent wait for company.
  absl::Duration gather = absl::Milliseconds(20);
  // Duration of each commit, sync included; on the writer thread. May be null.
  std::function<void(absl::Duration)> on_commit;
};

// Threads: all methods, from any.
class Writer {
 public:
  // A failed change is undone alone; the others of its group stay. It may throw
  // SQLite::Exception.
  using Change = std::function<absl::Status(WriteTransaction&)>;
  // Told after the commit: OK, the change's own error, or why nothing of the
  // group could be stored. Runs on the writer thread.
  using Done = std::function<void(absl::Status)>;

  // `clock` outlives the writer.
  Writer(std::unique_ptr<Connection> connection, const Clock& clock,
         WriterOptions options);
  // Writes what is queued, then ends the thread and checkpoints.
  ~Writer();

  // Queues a change that may wait a little.
  void Enqueue(Change change, Done done);

  // Makes a change now and waits for it. Never call it on the writer thread.
  absl::Status Run(Change change);

  void AddListener(EventListener* listener);
  // Returns when the listener is not being called any more.
  void RemoveListener(EventListener* listener);

 private:
  struct Item {
    Change change;
    Done done;
    absl::Status result;
  };

  void Add(Item item, bool is_urgent);
  void Loop();
  // False: nothing is left and the writer is closing.
  bool AwaitWork(std::vector<Item>* group);
  absl::Status Commit(std::vector<Item>& group, WriteTransaction& transaction);
  void Apply(Item& item, WriteTransaction& transaction);
  void Tell(const std::vector<std::pair<JobId, v1::Event>>& events);

  std::unique_ptr<Connection> connection_;
  const Clock& clock_;
  const WriterOptions options_;
  // Set after a sync failed: what the disk holds is no longer known. Writer
  // thread only.
  absl::Status unsafe_;

  absl::Mutex mutex_;
  std::vector<Item> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_urgent_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Mutex listeners_mutex_;
  std::vector<EventListener*> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  std::thread thread_;
};

}  // namespace atelier::server
