// Connections for reading, as many as are in use at the same time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "server/store/connection.h"

namespace atelier::server {

// Threads: any.
class ReaderPool {
 public:
  explicit ReaderPool(std::string path) : path_(std::move(path)) {}

  // Runs `work(Connection&)`, which gives a StatusOr, within one read
  // transaction: all that it reads is of one moment. Keep it short, a reader
  // keeps the write-ahead log from being emptied.
  template <typename F>
  auto Read(absl::string_view what, F&& work)
      -> decltype(work(std::declval<Connection&>())) {
    auto connection = Take();
    if (!connection.ok()) return connection.status();
    auto result = CatchSql(what, [&]() {
      (*connection)->Execute("BEGIN");
      auto value = work(**connection);
      (*connection)->Execute("COMMIT");
      return value;
    });
    Keep(*std::move(connection));
    return result;
  }

 private:
  absl::StatusOr<std::unique_ptr<Connection>> Take();
  // One that was left within a transaction by an error is closed instead.
  void Keep(std::unique_ptr<Connection> connection);

  const std::string path_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
