// A Unix socket whose connections keep the name of the user behind them.
//
// gRPC tells nothing of a Unix peer, so connections are accepted here: the
// kernel names the user, and the descriptor's number, by which gRPC then calls
// the peer (`fd:N`), is the key. Numbers rotate through a wide range, so that a
// call of an old connection is not taken for one of a new.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace atelier::server {

class PeerSocket {
 public:
  // Is given each connection, not blocking, to own.
  using OnConnection = std::function<void(int fd)>;

  // Listens on `path`; connections wait until Start. A socket file that nobody
  // listens on is replaced.
  // Errors: INVALID_ARGUMENT the path has more than 107 bytes; UNAVAILABLE
  // another process listens there, or it cannot be made.
  static absl::StatusOr<std::unique_ptr<PeerSocket>> Listen(
      const std::string& path, mode_t mode);
  // Stops.
  ~PeerSocket();

  // Accepts connections from now on. Once.
  void Start(OnConnection on_connection);
  // Accepts no more and removes the socket file.
  void Stop();

  // The user behind a peer `fd:N`; the daemon's own for anything else.
  std::string UserOf(const std::string& peer) const;

 private:
  PeerSocket(std::string path, int fd);
  void Loop();
  // False: no descriptors are left.
  bool Accept();

  const std::string path_;
  const int fd_;
  const int stop_fd_;
  OnConnection on_connection_;
  bool is_stopped_ = false;
  // Where the next connection's number is looked for; the thread's own.
  int next_number_;
  mutable absl::Mutex mutex_;
  std::map<int, uid_t> users_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace atelier::server
