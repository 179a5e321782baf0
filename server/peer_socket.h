// A Unix socket whose connections are known by the process behind them.
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
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace atelier::server {

// As they were when the connection was made.
struct PeerCredentials {
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = 0;
};

class PeerSocket {
 public:
  // Is given each connection, not blocking, to own.
  using OnConnection = std::function<void(int fd)>;

  // Listens on `path`; connections wait until Start. A socket file that nobody
  // listens on is replaced. A user's connections beyond `max_connections` (0:
  // no limit) are closed at once. Errors: INVALID_ARGUMENT the path has more
  // than 107 bytes; UNAVAILABLE another process listens there, or it cannot be
  // made.
  static absl::StatusOr<std::unique_ptr<PeerSocket>> Listen(
      const std::string& path, mode_t mode, int max_connections = 0);
  // Stops.
  ~PeerSocket();

  // Accepts connections from now on. Once.
  void Start(OnConnection on_connection);
  // Accepts no more and removes the socket file.
  void Stop();

  // Who is behind a peer `fd:N`; none for anything else.
  std::optional<PeerCredentials> CredentialsOf(const std::string& peer) const;

 private:
  struct Peer {
    PeerCredentials credentials;
    // Tells whether the number is still this connection.
    ino_t inode = 0;
  };

  PeerSocket(std::string path, int fd, int max_connections);
  void Loop();
  // Counts the connections of a user that are still open.
  bool HasRoom(uid_t uid);
  // False: no descriptors are left.
  bool Accept();

  const std::string path_;
  const int max_connections_;
  const int fd_;
  const int stop_fd_;
  OnConnection on_connection_;
  bool is_stopped_ = false;
  // Where the next connection's number is looked for; the thread's own.
  int next_number_;
  mutable absl::Mutex mutex_;
  std::map<int, Peer> peers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace atelier::server
