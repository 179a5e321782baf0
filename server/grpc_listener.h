// A gRPC server on a Unix socket that knows who calls.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

#include "server/peer_socket.h"

namespace atelier::server {

struct GrpcListenerOptions {
  std::string socket_path;
  mode_t mode = 0660;
  // Outlive the listener.
  std::vector<grpc::Service*> services;
  // With health checking and reflection.
  bool is_public = false;
};

class GrpcListener {
 public:
  // Calls wait until Start. Errors: those of PeerSocket::Listen.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Listen(
      const GrpcListenerOptions& options);
  ~GrpcListener();

  // Answers calls from now on. Once.
  void Start();

  // The user behind a call's peer.
  std::string UserOf(const std::string& peer) const;

  // Takes no more calls; those under way get `limit` to end.
  void Stop(absl::Duration limit);

 private:
  GrpcListener() = default;

  std::unique_ptr<grpc::Server> server_;
  // Hands connections to the server, so it goes first.
  std::unique_ptr<PeerSocket> socket_;
};

}  // namespace atelier::server
