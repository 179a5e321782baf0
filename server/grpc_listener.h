// A gRPC server on a Unix socket that knows who calls.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace atelier::server {

struct GrpcListenerOptions {
  // At most 107 bytes. A socket that nobody listens on any more is replaced.
  std::string socket_path;
  mode_t mode = 0660;
  // Outlive the listener.
  std::vector<grpc::Service*> services;
  // With health checking and reflection.
  bool is_public = false;
};

class GrpcListener {
 public:
  // Errors: INVALID_ARGUMENT the path is too long; UNAVAILABLE it cannot be
  // listened on.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Listen(
      const GrpcListenerOptions& options);
  ~GrpcListener();

  // The user behind a call's peer, as the kernel names it; the daemon's own
  // where that is not known.
  std::string UserOf(const std::string& peer) const;

  // Takes no more calls; those under way get `limit` to end.
  void Stop(absl::Duration limit);

 private:
  explicit GrpcListener(GrpcListenerOptions options);

  const GrpcListenerOptions options_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace atelier::server
