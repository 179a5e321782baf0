#include "server/gpu/device_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/gpu/xid.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxFaults = 16;

}  // namespace

DeviceTable::DeviceTable(DeviceTableOptions options, const Clock& clock,
                         DeviceTableHooks hooks)
    : options_(std::move(options)), clock_(clock), hooks_(std::move(hooks)) {}

void DeviceTable::SetMessage(const std::string& message) {
  absl::MutexLock lock(&mutex_);
  message_ = message;
}

void DeviceTable::SetDrains(const std::vector<DeviceDrain>& drains) {
  {
    absl::MutexLock lock(&mutex_);
    drains_.clear();
    for (const DeviceDrain& drain : drains) drains_[drain.device] = drain;
    Judge();
  }
  hooks_.changed();
}

void DeviceTable::ClearDrain(const std::string& id) {
  {
    absl::MutexLock lock(&mutex_);
    drains_.erase(id);
    for (Gpu& gpu : gpus_)
      if (gpu.reading.uuid == id) gpu.faults.clear();
    Judge();
  }
  hooks_.changed();
}

void DeviceTable::Take(const GpuNews& news) {
  Sick sick;
  {
    absl::MutexLock lock(&mutex_);
    const bool is_newer = news.report.read_time > news_.report.read_time;
    news_ = news;
    message_ = news.trouble;
    if (is_newer) TakeReport(news.report, &sick);
    for (const GpuFault& fault : news.faults) TakeFault(fault, &sick);
    for (const auto& [drain, is_lasting] : sick)
      if (is_lasting) drains_.emplace(drain.device, drain);
    Judge();
  }
  for (const auto& [drain, is_lasting] : sick) hooks_.sick(drain, is_lasting);
  hooks_.changed();
}

void DeviceTable::TakeReport(const GpuReport& report, Sick* sick) {
  std::vector<Gpu> former = std::exchange(gpus_, {});
  std::set<pid_t> present;
  for (const GpuReading& reading : report.gpus) {
    Gpu gpu;
    auto known = std::find_if(former.begin(), former.end(), [&](const Gpu& g) {
      return g.reading.uuid == reading.uuid;
    });
    if (known != former.end()) {
      gpu = std::move(*known);
      former.erase(known);
      const bool has_ecc_error =
          reading.ecc_uncorrected.value_or(0) >
          gpu.reading.ecc_uncorrected.value_or(INT64_MAX);
      if (has_ecc_error && reading.parent.empty()) {
        sick->push_back({{reading.uuid, true, "uncorrectable memory errors",
                          report.read_time},
                         true});
      }
    }
    const GpuReading before = std::exchange(gpu.reading, reading);
    // A lost one tells neither name nor memory.
    if (!reading.lost.empty() && !before.name.empty()) {
      gpu.reading = before;
      gpu.reading.lost = reading.lost;
    }
    TakeProcesses(&gpu);
    for (const GpuProcess& process : reading.processes)
      present.insert(process.pid);
    gpus_.push_back(std::move(gpu));
  }
  std::erase_if(owners_, [&](const auto& owner) {
    return present.count(owner.first) == 0;
  });
  // One that is gone altogether stays, as lost; parts go with a new division.
  for (Gpu& gone : former) {
    if (!gone.reading.parent.empty()) continue;
    gone.reading.lost = "the driver no longer lists it";
    gpus_.push_back(std::move(gone));
  }
  for (Gpu& gpu : gpus_) {
    const bool is_lost = !gpu.reading.lost.empty();
    if (is_lost && !std::exchange(gpu.was_lost, true))
      sick->push_back(
          {{gpu.reading.uuid, true, gpu.reading.lost, report.read_time},
           false});
    if (!is_lost) gpu.was_lost = false;
  }
}

void DeviceTable::TakeProcesses(Gpu* gpu) {
  gpu->processes.clear();
  gpu->outside_bytes = 0;
  bool is_seen = false;
  for (const GpuProcess& process : gpu->reading.processes) {
    const ProcessFacts facts = hooks_.look_up(process.pid);
    // The environment of one that is ending can no longer be read.
    if (facts.attempt.has_value()) owners_[process.pid] = *facts.attempt;
    const auto owner = owners_.find(process.pid);
    const bool was_ours = owner != owners_.end() && facts.name.empty();
    v1::DeviceProcess told;
    told.set_pid(process.pid);
    told.set_memory_bytes(process.bytes);
    told.set_name(facts.name);
    told.set_user(facts.user);
    if (facts.attempt.has_value() || was_ours) {
      told.set_job_id(owner->second.job);
    } else {
      owners_.erase(process.pid);
      told.set_is_ignored(IsIgnored(facts.name));
      if (!told.is_ignored()) {
        is_seen = true;
        gpu->outside_bytes += process.bytes;
      }
    }
    gpu->processes.push_back(std::move(told));
  }
  gpu->is_used_outside =
      gpu->outside.Update(is_seen && gpu->reading.lost.empty(), clock_.Now(),
                          options_.outside_clear);
}

void DeviceTable::TakeFault(const GpuFault& fault, Sick* sick) {
  for (Gpu& gpu : gpus_) {
    if (gpu.reading.uuid != fault.uuid) continue;
    v1::DeviceFault told;
    told.set_xid(fault.xid);
    told.mutable_time()->set_seconds(absl::ToUnixSeconds(fault.time));
    told.set_is_fatal(IsFatalXid(fault.xid));
    gpu.faults.push_back(std::move(told));
    if (gpu.faults.size() > kMaxFaults) gpu.faults.erase(gpu.faults.begin());
  }
  if (IsFatalXid(fault.xid))
    sick->push_back({{fault.uuid, true, XidText(fault.xid), fault.time}, true});
}

const DeviceDrain* DeviceTable::DrainOf(const GpuReading& reading) const {
  for (const std::string& id : {reading.uuid, reading.parent}) {
    const auto drain = drains_.find(id);
    if (drain != drains_.end()) return &drain->second;
  }
  return nullptr;
}

std::string DeviceTable::PolicyOf(const GpuReading& reading) const {
  for (const std::string& id : {reading.uuid, reading.parent}) {
    const auto policy = options_.outside_use_of.find(id);
    if (policy != options_.outside_use_of.end()) return policy->second;
  }
  return options_.outside_use;
}

bool DeviceTable::IsIgnored(const std::string& program) const {
  return std::find(options_.ignored_programs.begin(),
                   options_.ignored_programs.end(),
                   program) != options_.ignored_programs.end();
}

void DeviceTable::Judge() {
  for (Gpu& gpu : gpus_) JudgeGpu(&gpu);
}

void DeviceTable::JudgeGpu(Gpu* gpu) {
  const GpuReading& reading = gpu->reading;
  const DeviceDrain* drain = DrainOf(reading);
  gpu->reason.clear();
  gpu->availability = v1::DEVICE_AVAILABILITY_FREE;
  const auto is = [gpu](v1::DeviceAvailability availability,
                        const std::string& reason) {
    gpu->availability = availability;
    gpu->reason = reason;
  };
  if (drain != nullptr && !drain->is_fault)
    return is(v1::DEVICE_AVAILABILITY_DRAINED,
              absl::StrCat("out of use", drain->message.empty() ? "" : ": ",
                           drain->message));
  if (reading.is_divided)
    return is(v1::DEVICE_AVAILABILITY_DRAINED, "is divided into MIG instances");
  if (!reading.lost.empty())
    return is(v1::DEVICE_AVAILABILITY_UNHEALTHY, reading.lost);
  if (drain != nullptr)
    return is(v1::DEVICE_AVAILABILITY_UNHEALTHY, drain->message);
  if (!news_.trouble.empty())
    return is(v1::DEVICE_AVAILABILITY_UNKNOWN, news_.trouble);
  const std::string policy = PolicyOf(reading);
  if (policy == "ignore" || !gpu->is_used_outside) return;
  std::vector<std::string> who;
  for (const v1::DeviceProcess& process : gpu->processes) {
    if (process.job_id() != 0 || process.is_ignored()) continue;
    who.push_back(absl::StrCat(
        process.name().empty() ? "a process" : process.name(), " (pid ",
        process.pid(), process.user().empty() ? "" : ", user ", process.user(),
        ")"));
  }
  const std::string text =
      who.empty()
          ? absl::StrCat("was used from outside less than ",
                         absl::FormatDuration(options_.outside_clear), " ago")
          : absl::StrCat("used from outside by ", absl::StrJoin(who, ", "));
  is(policy == "warn" ? v1::DEVICE_AVAILABILITY_FREE
                      : v1::DEVICE_AVAILABILITY_OUTSIDE,
     text);
}

std::vector<DeviceState> DeviceTable::States() const {
  std::vector<DeviceState> states;
  for (int i = 0; i < options_.cpu_slots; ++i) states.push_back(CpuSlot(i));
  absl::MutexLock lock(&mutex_);
  for (DeviceState& slot : states) {
    const auto drain = drains_.find(slot.id);
    if (drain == drains_.end()) continue;
    slot.availability = v1::DEVICE_AVAILABILITY_DRAINED;
    slot.reason = absl::StrCat("out of use: ", drain->second.message);
  }
  for (const Gpu& gpu : gpus_) {
    if (gpu.reading.is_divided) continue;
    DeviceState state;
    state.id = gpu.reading.uuid;
    state.kind = v1::DEVICE_TYPE_GPU;
    state.model = gpu.reading.name;
    state.total_bytes = gpu.reading.total_bytes;
    state.free_bytes = gpu.reading.total_bytes;
    if (PolicyOf(gpu.reading) != "ignore")
      state.free_bytes -= gpu.outside_bytes;
    state.availability = gpu.availability;
    state.reason = gpu.reason;
    state.is_mig = !gpu.reading.parent.empty();
    states.push_back(std::move(state));
  }
  return states;
}

bool DeviceTable::Has(const std::string& id) const {
  for (int i = 0; i < options_.cpu_slots; ++i)
    if (CpuSlot(i).id == id) return true;
  absl::MutexLock lock(&mutex_);
  return std::any_of(gpus_.begin(), gpus_.end(),
                     [&](const Gpu& gpu) { return gpu.reading.uuid == id; });
}

std::vector<std::string> DeviceTable::PartsOf(const std::string& id) const {
  std::vector<std::string> ids = {id};
  absl::MutexLock lock(&mutex_);
  for (const Gpu& gpu : gpus_)
    if (gpu.reading.parent == id) ids.push_back(gpu.reading.uuid);
  return ids;
}

GpuNews DeviceTable::LastNews() const {
  absl::MutexLock lock(&mutex_);
  return news_;
}

}  // namespace atelier::server
