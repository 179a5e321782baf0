// Writes the scalars of a run beside its event stream: TensorBoard event files,
// scalars.csv, scalars.jsonl.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "trainer/job/event_sink.h"
#include "trainer/scalars/scalar_rows.h"
#include "trainer/scalars/scalar_writer.h"

namespace atelier::trainer {

struct ScalarLogOptions {
  std::string logging_dir;
  std::string log_with = "tensorboard";  // tensorboard, csv, jsonl or all
  std::string log_prefix;
  std::string output_dir;
  std::function<absl::Time()> now;
};

// Passes every event on. A run that goes on from a training state writes into
// the folder of the attempt before it, where there is one; steps that are done
// a second time, after that or after going back within a run, take the place of
// the first.
//
// Scalars that cannot be written are one warning: the run goes on without them.
//
// Threads: any.
class ScalarLog : public EventSink {
 public:
  // Makes logging_dir. `next` outlives this. Errors: PERMISSION_DENIED where
  // that cannot be done.
  static absl::StatusOr<std::unique_ptr<ScalarLog>> Open(
      ScalarLogOptions options, EventSink& next);
  void Send(Event event) override;

 private:
  ScalarLog(ScalarLogOptions options, EventSink& next)
      : options_(std::move(options)), next_(next) {}

  absl::Status Take(const Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenWriters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RewindTo(int64_t step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(const ScalarRow& row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double Now() const {
    return absl::ToDoubleSeconds(options_.now() - absl::UnixEpoch());
  }

  const ScalarLogOptions options_;
  EventSink& next_;
  absl::Mutex mutex_;
  ScalarRows rows_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<ScalarWriter>> writers_ ABSL_GUARDED_BY(mutex_);
  int64_t last_step_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_resumed_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_failed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace atelier::trainer
