// Streams and events of the fake accelerator.
//
// The default stream runs what it is given at once. Any other stream lets its
// work lie until somebody waits for it (another stream through an event, or the
// host), or until the next event but one: not for ever, since work that lies
// keeps its memory. What a copy brings to the host is seen there only after the
// host waited.
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <deque>
#include <map>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {
namespace {

// Streams that a pool gives out in turn, as CUDA's does.
constexpr c10::StreamId kPoolSize = 32;

struct Item {
  uint64_t ticket = 0;
  FakeWork work;
};

struct StreamState {
  double clock_ms = 0;  // when all that it was given would be done
  uint64_t last_ticket = 0;
  uint64_t last_event = 0;       // its ticket
  std::deque<Item> waiting;      // not run
  std::deque<Item> undelivered;  // run, not seen by the host
};

struct EventState {
  double clock_ms = 0;
  c10::StreamId stream = 0;
  uint64_t ticket = 0;
};

std::map<c10::StreamId, StreamState>& Streams() {
  static auto* const streams = new std::map<c10::StreamId, StreamState>;
  return *streams;
}

thread_local c10::StreamId current_stream = 0;

struct Costs {
  double operator_ms = 0.01;
  double byte_ms = 1e-6;
};
Costs& TheCosts() {
  static auto* const costs = new Costs;
  return *costs;
}

void RunFront(StreamState& stream) {
  Item item = std::move(stream.waiting.front());
  stream.waiting.pop_front();
  item.work.run();
  item.work.run = nullptr;  // which holds the source's memory
  if (item.work.deliver) stream.undelivered.push_back(std::move(item));
}

void RunUpTo(c10::StreamId id, uint64_t ticket) {
  const std::lock_guard lock(FakeMutex());
  StreamState& stream = Streams()[id];
  while (!stream.waiting.empty() && stream.waiting.front().ticket <= ticket) {
    RunFront(stream);
  }
}

void DeliverUpTo(c10::StreamId id, uint64_t ticket) {
  const std::lock_guard lock(FakeMutex());
  RunUpTo(id, ticket);
  StreamState& stream = Streams()[id];
  while (!stream.undelivered.empty() &&
         stream.undelivered.front().ticket <= ticket) {
    const FakeWork& work = stream.undelivered.front().work;
    if (work.deliver) work.deliver();
    stream.undelivered.pop_front();
  }
}

c10::Stream StreamOf(c10::StreamId id) {
  return c10::Stream(c10::Stream::UNSAFE, TheFakeDevice(), id);
}

class FakeGuard : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return kFakeType; }
  c10::Device exchangeDevice(c10::Device) const override {
    return TheFakeDevice();
  }
  c10::Device getDevice() const override { return TheFakeDevice(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }

  c10::Stream getStream(c10::Device) const override {
    return StreamOf(current_stream);
  }
  c10::Stream getDefaultStream(c10::Device) const override {
    return StreamOf(0);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override {
    const std::lock_guard lock(FakeMutex());
    static c10::StreamId last = 0;
    last = last % kPoolSize + 1;
    return StreamOf(last);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    return getStreamFromGlobalPool(device, false);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const c10::Stream before = StreamOf(current_stream);
    current_stream = stream.id();
    return before;
  }
  bool queryStream(const c10::Stream& stream) const override {
    const std::lock_guard lock(FakeMutex());
    const StreamState& state = Streams()[stream.id()];
    return state.waiting.empty() && state.undelivered.empty();
  }
  void synchronizeStream(const c10::Stream& stream) const override {
    RecordSync("stream");
    FinishFakeStream(stream.id());
  }
  void synchronizeDevice(c10::DeviceIndex) const override {
    RecordSync("device");
    FinishFakeStreams();
  }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex,
              c10::EventFlag) const override {
    const std::lock_guard lock(FakeMutex());
    StreamState& state = Streams()[stream.id()];
    if (*event == nullptr) *event = new EventState;
    *static_cast<EventState*>(*event) = {state.clock_ms, stream.id(),
                                         state.last_ticket};
    RunUpTo(stream.id(), state.last_event);
    state.last_event = state.last_ticket;
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (event == nullptr) return;
    const std::lock_guard lock(FakeMutex());
    const auto& state = *static_cast<EventState*>(event);
    double& clock_ms = Streams()[stream.id()].clock_ms;
    clock_ms = std::max(clock_ms, state.clock_ms);
    RunUpTo(state.stream, state.ticket);
  }
  bool queryEvent(void* event) const override {
    if (event == nullptr) return true;
    const std::lock_guard lock(FakeMutex());
    const auto& state = *static_cast<EventState*>(event);
    const StreamState& stream = Streams()[state.stream];
    const auto is_open = [&](const std::deque<Item>& items) {
      return !items.empty() && items.front().ticket <= state.ticket;
    };
    return !is_open(stream.waiting) && !is_open(stream.undelivered);
  }
  void synchronizeEvent(void* event) const override {
    if (event == nullptr) return;
    RecordSync("event");
    const auto& state = *static_cast<EventState*>(event);
    DeliverUpTo(state.stream, state.ticket);
  }
  double elapsedTime(void* first, void* second,
                     const c10::DeviceIndex) const override {
    return static_cast<EventState*>(second)->clock_ms -
           static_cast<EventState*>(first)->clock_ms;
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override {
    delete static_cast<EventState*>(event);
  }
};

}  // namespace

void RegisterFakeStreams() {
  static const FakeGuard guard;
  static const c10::impl::DeviceGuardImplRegistrar registrar(kFakeType, &guard);
}

c10::StreamId CurrentFakeStream() { return current_stream; }

void SetFakeCosts(double operator_ms, double byte_ms) {
  const std::lock_guard lock(FakeMutex());
  TheCosts() = {operator_ms, byte_ms};
}

void CountFakeOperator() {
  const std::lock_guard lock(FakeMutex());
  Streams()[current_stream].clock_ms += TheCosts().operator_ms;
}

void CountFakeCopy(int64_t bytes) {
  const std::lock_guard lock(FakeMutex());
  Streams()[current_stream].clock_ms +=
      TheCosts().byte_ms * static_cast<double>(bytes);
}

void EnqueueFakeWork(FakeWork work) {
  const std::lock_guard lock(FakeMutex());
  StreamState& stream = Streams()[current_stream];
  stream.waiting.push_back({++stream.last_ticket, std::move(work)});
  if (current_stream == 0) RunFront(stream);
}

void FinishFakeStream(c10::StreamId stream) {
  const std::lock_guard lock(FakeMutex());
  DeliverUpTo(stream, Streams()[stream].last_ticket);
}

void FinishFakeStreams() {
  const std::lock_guard lock(FakeMutex());
  for (auto& [id, state] : Streams()) DeliverUpTo(id, state.last_ticket);
}

void DeliverFakeWorkTo(const void* host) {
  const std::lock_guard lock(FakeMutex());
  for (auto& [id, stream] : Streams()) {
    for (Item& item : stream.undelivered) {
      if (item.work.host != host || !item.work.deliver) continue;
      item.work.deliver();
      item.work.deliver = nullptr;
    }
  }
}

}  // namespace atelier::trainer::testing
