// A gRPC server that knows who calls: on a Unix socket by the kernel, and on
// an address for other machines, where there is one, by certificate or token.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

#include "server/access/caller.h"
#include "server/peer_socket.h"

namespace atelier::server {

struct GrpcListenerOptions {
  std::string socket_path;
  mode_t mode = 0660;
  // Of each user on the socket; 0: no limit.
  int max_connections = 0;
  // HOST:PORT; empty: the socket alone.
  std::string remote_address;
  std::shared_ptr<grpc::ServerCredentials> remote_credentials;
  // Outlive the listener.
  std::vector<grpc::Service*> services;
  // With health checking and reflection.
  bool is_public = false;
};

class GrpcListener {
 public:
  // Calls on the socket wait until Start. Errors: those of PeerSocket::Listen;
  // UNAVAILABLE the remote address is taken or cannot be listened on.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Listen(
      const GrpcListenerOptions& options);
  ~GrpcListener();

  // Answers calls from now on. Once.
  void Start();
  // Takes no more calls; those under way get `limit` to end.
  void Stop(absl::Duration limit);

  // Who is behind a call. While the call is young: a connection's number is
  // used again some time after it was closed.
  CallPeer PeerOf(const grpc::ServerContextBase& call) const;

  // HOST:PORT with the port that was taken; empty: none.
  const std::string& remote_address() const { return remote_address_; }

 private:
  GrpcListener() = default;

  std::string remote_address_;
  std::unique_ptr<grpc::Server> server_;
  // Hands connections to the server, so it goes first.
  std::unique_ptr<PeerSocket> socket_;
};

// The same of a call from another machine: these come as soon as the address
// is listened on, before Listen returns.
CallPeer RemotePeerOf(const grpc::ServerContextBase& call);

// What a remote listener proves itself with, and whom it believes. Without a
// certificate nothing is proven or hidden: for loopback addresses only.
// Errors: NOT_FOUND, PERMISSION_DENIED naming the file; FAILED_PRECONDITION
// others may read the key.
struct RemoteFiles {
  std::string certificate;
  std::string key;
  std::string client_ca;
};
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeRemoteCredentials(
    const RemoteFiles& files);

}  // namespace atelier::server
