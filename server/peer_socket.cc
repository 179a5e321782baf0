#include "server/peer_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

constexpr int kBacklog = 512;
// How long accepting rests when there are no descriptors.
constexpr int kRestMs = 100;

absl::Status SocketError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

bool Bind(int fd, const sockaddr_un& address) {
  return bind(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0;
}

// Whether a process answers at the socket.
bool IsServed(const sockaddr_un& address) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool served = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0 ||
                errno == EAGAIN;
  close(fd);
  return served;
}

absl::Status Open(int fd, const std::string& path, mode_t mode) {
  sockaddr_un address = AddressOf(path);
  if (!Bind(fd, address)) {
    struct stat info = {};
    bool is_socket = errno == EADDRINUSE && lstat(path.c_str(), &info) == 0 &&
                     S_ISSOCK(info.st_mode);
    if (!is_socket) return SocketError("cannot listen on", path);
    if (IsServed(address))
      return absl::UnavailableError(
          absl::StrCat("another process listens on ", path));
    unlink(path.c_str());
    if (!Bind(fd, address)) return SocketError("cannot listen on", path);
  }
  // Nobody connects before listen.
  if (chmod(path.c_str(), mode) != 0 || listen(fd, kBacklog) != 0)
    return SocketError("cannot listen on", path);
  return absl::OkStatus();
}

int NumberLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 16));
}

// Of a socket; each has its own as long as it is open. 0: no such descriptor.
ino_t InodeOf(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerSocket>> PeerSocket::Listen(
    const std::string& path, mode_t mode, int max_connections) {
  constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMaxPathBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("the socket's path has ", path.size(), " bytes, at most ",
                     kMaxPathBytes, " are possible: ", path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SocketError("cannot make a socket for", path);
  absl::Status opened = Open(fd, path, mode);
  if (opened.ok())
    return std::unique_ptr<PeerSocket>(
        new PeerSocket(path, fd, max_connections));
  close(fd);
  return AddLocation(std::move(opened));
}

PeerSocket::PeerSocket(std::string path, int fd, int max_connections)
    : path_(std::move(path)),
      max_connections_(max_connections),
      fd_(fd),
      stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      next_number_(NumberLimit() / 2) {}

PeerSocket::~PeerSocket() {
  Stop();
  close(fd_);
  close(stop_fd_);
}

void PeerSocket::Start(OnConnection on_connection) {
  on_connection_ = std::move(on_connection);
  thread_ = std::thread([this] { Loop(); });
}

void PeerSocket::Stop() {
  if (std::exchange(is_stopped_, true)) return;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(stop_fd_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  unlink(path_.c_str());
}

void PeerSocket::Loop() {
  pollfd ready[] = {{stop_fd_, POLLIN, 0}, {fd_, POLLIN, 0}};
  while (true) {
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[0].revents != 0) return;
    if (!Accept()) poll(ready, 1, kRestMs);
  }
}

bool PeerSocket::Accept() {
  int accepted = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted < 0) return errno != EMFILE && errno != ENFILE;
  ucred peer = {};
  socklen_t size = sizeof peer;
  bool is_known =
      getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!is_known || !HasRoom(peer.uid)) {
    close(accepted);
    return true;
  }
  int limit = NumberLimit();
  if (next_number_ >= limit) next_number_ = limit / 2;
  int fd = fcntl(accepted, F_DUPFD_CLOEXEC, next_number_);
  // All numbers up to the limit are in use: begin again.
  if (fd < 0) fd = fcntl(accepted, F_DUPFD_CLOEXEC, limit / 2);
  close(accepted);
  if (fd < 0) return false;
  next_number_ = fd + 1;
  {
    absl::MutexLock lock(&mutex_);
    peers_[fd] = {{peer.uid, peer.pid}, InodeOf(fd)};
  }
  on_connection_(fd);
  return true;
}

bool PeerSocket::HasRoom(uid_t uid) {
  if (max_connections_ <= 0) return true;
  absl::MutexLock lock(&mutex_);
  int open = 0;
  for (auto it = peers_.begin(); it != peers_.end();) {
    if (it->second.credentials.uid != uid) {
      ++it;
    } else if (InodeOf(it->first) == it->second.inode) {
      ++open;
      ++it;
    } else {
      it = peers_.erase(it);
    }
  }
  return open < max_connections_;
}

std::optional<PeerCredentials> PeerSocket::CredentialsOf(
    const std::string& peer) const {
  absl::string_view number = peer;
  int fd = 0;
  if (!absl::ConsumePrefix(&number, "fd:") || !absl::SimpleAtoi(number, &fd))
    return std::nullopt;
  absl::MutexLock lock(&mutex_);
  auto known = peers_.find(fd);
  if (known == peers_.end()) return std::nullopt;
  return known->second.credentials;
}

}  // namespace atelier::server
