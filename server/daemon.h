// The daemon as an object: everything that atelierd is, built and torn down in
// one place. Tests run it in process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/config/daemon_config.h"

namespace atelier::server {

class Daemon {
 public:
  // Opens the state, takes over workers that are there, starts to schedule and
  // to listen. When it returns, clients are served.
  // Errors: those of OpenStateStore; INVALID_ARGUMENT a socket's path is too
  // long; UNAVAILABLE an address cannot be listened on, naming it.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(
      const DaemonConfig& config);

  // Stops.
  ~Daemon();

  // Takes no more calls and starts no more jobs, ends streams so that clients
  // come back, writes down what is under way. Workers live on.
  void Stop();

  // Whether the state can still be read: what a watchdog wants to know. Blocks.
  absl::Status CheckHealth() const;

  // HOST:PORT; empty: switched off.
  const std::string& metrics_address() const;

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace atelier::server
