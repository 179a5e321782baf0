// How long the worker may go on without hearing from the daemon.
//
// The daemon names a point in wall-clock time; what counts here is the time
// left when it was heard, on the monotonic clock, so that a step of the wall
// clock ends no lease.
#pragma once

#include <chrono>
#include <optional>

namespace atelier::trainer {

// Threads: none; guarded by its owner.
class Lease {
 public:
  using Steady = std::chrono::steady_clock;
  using Wall = std::chrono::system_clock;

  // A lease that ends `left` from now.
  void Renew(Steady::duration left) { deadline_ = Steady::now() + left; }
  void Renew(Wall::time_point until) { Renew(until - Wall::now()); }

  // Unset: there is no lease yet, nothing expires.
  const std::optional<Steady::time_point>& deadline() const {
    return deadline_;
  }
  bool expired() const {
    return deadline_.has_value() && Steady::now() >= *deadline_;
  }

 private:
  std::optional<Steady::time_point> deadline_;
};

}  // namespace atelier::trainer
