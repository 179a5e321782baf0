// Wall time by the part of a step that it went to.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace atelier::trainer {

// Threads: none; one step at a time.
class Stopwatch {
 public:
  Stopwatch() : start_(Clock::now()), entered_(start_) {}

  // From now on time goes to `part`; parts may be entered again.
  void Enter(const std::string& part) {
    Leave();
    part_ = part;
  }
  void Leave() {
    const Clock::time_point now = Clock::now();
    if (!part_.empty()) seconds_[part_] += Seconds(now - entered_);
    entered_ = now;
    part_.clear();
  }

  double total_seconds() const { return Seconds(Clock::now() - start_); }
  const std::map<std::string, double>& seconds() const { return seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  static double Seconds(Clock::duration time) {
    return std::chrono::duration<double>(time).count();
  }

  Clock::time_point start_;
  Clock::time_point entered_;
  std::string part_;
  std::map<std::string, double> seconds_;
};

}  // namespace atelier::trainer
