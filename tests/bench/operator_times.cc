#include "tests/bench/operator_times.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

namespace atelier::trainer {
namespace {

using Clock = std::chrono::steady_clock;

struct Profile {
  std::mutex mutex;
  std::map<std::string, OperatorTime> operators;
  bool counts = false;
};

// One for the process: LibTorch's callbacks are plain functions.
Profile& TheProfile() {
  static Profile profile;
  return profile;
}

thread_local std::vector<double> seconds_of_callees;

struct Begun : at::ObserverContext {
  Clock::time_point at = Clock::now();
};

std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction&) {
  seconds_of_callees.push_back(0);
  return std::make_unique<Begun>();
}

void End(const at::RecordFunction& function, at::ObserverContext* context) {
  const double whole = std::chrono::duration<double>(
                           Clock::now() - static_cast<Begun*>(context)->at)
                           .count();
  const double own = whole - seconds_of_callees.back();
  seconds_of_callees.pop_back();
  if (!seconds_of_callees.empty()) seconds_of_callees.back() += whole;
  Profile& profile = TheProfile();
  const std::lock_guard lock(profile.mutex);
  if (!profile.counts) return;
  OperatorTime& time = profile.operators[function.name()];
  time.seconds += own;
  ++time.calls;
}

}  // namespace

void RecordOperatorTimes() {
  at::addGlobalCallback(at::RecordFunctionCallback(&Begin, &End));
}

void BeginOperatorTimes() {
  Profile& profile = TheProfile();
  const std::lock_guard lock(profile.mutex);
  profile.counts = true;
}

std::vector<std::pair<std::string, OperatorTime>> OperatorTimes() {
  Profile& profile = TheProfile();
  const std::lock_guard lock(profile.mutex);
  std::vector<std::pair<std::string, OperatorTime>> times(
      profile.operators.begin(), profile.operators.end());
  std::sort(times.begin(), times.end(), [](const auto& a, const auto& b) {
    return a.second.seconds > b.second.seconds;
  });
  return times;
}

}  // namespace atelier::trainer
