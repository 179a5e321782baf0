// The parts of the fake accelerator, for its own files: memory, record and
// streams. Tests include fake_accelerator.h.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/fake_accelerator.h"

namespace atelier::trainer::testing {

inline constexpr auto kFakeType = c10::DeviceType::PrivateUse1;
inline c10::Device TheFakeDevice() { return {kFakeType, 0}; }

// One lock for everything below.
std::recursive_mutex& FakeMutex();

c10::Allocator* FakeDeviceAllocator();
c10::Allocator* FakePinnedAllocator();
bool IsFakePinned(const void* data);
// Device memory that is the memory of a tensor on the host.
c10::DataPtr AdoptAsDeviceMemory(const Tensor& host);

// Everything that is counted.
struct FakeRecord {
  int64_t live_bytes = 0;
  int64_t peak_bytes = 0;
  int64_t limit_bytes = 0;
  int64_t refusals = 0;
  int64_t emptied = 0;
  std::map<const char*, size_t> pinned;  // by first byte
  std::vector<FakeSync> syncs;
  std::vector<FakeTransfer> transfers;
  std::string label;
};
FakeRecord& TheFakeRecord();

void RecordSync(const std::string& what);
void RecordTransfer(FakeTransfer transfer);

// What a stream has still to do: reads its source when the stream gets to it;
// `deliver`, which may be empty, makes the result visible to the host.
struct FakeWork {
  std::function<void()> run;
  std::function<void()> deliver;
  const void* host = nullptr;  // the memory that `deliver` writes
};

void RegisterFakeStreams();
void SetFakeCosts(double operator_ms, double byte_ms);
// Moves the clock of the current stream on.
void CountFakeOperator();
void CountFakeCopy(int64_t bytes);
c10::StreamId CurrentFakeStream();  // 0 is the default stream
// Appends to the current stream; the default one runs, and does not deliver,
// at once.
void EnqueueFakeWork(FakeWork work);
// Everything that was given to the stream so far is done and delivered.
void FinishFakeStream(c10::StreamId stream);
void FinishFakeStreams();  // all of them
// What ran already and brings something to this host memory: whoever reads it
// on a stream sees it without a wait of the host.
void DeliverFakeWorkTo(const void* host);

void RegisterFakeOperators();
void RegisterFakeAutocast();
inline bool IsFake(const Tensor& tensor) {
  return tensor.defined() && tensor.device().type() == kFakeType;
}
// The tensor's memory as a tensor on the host.
Tensor HostView(const Tensor& device);

// The operators _copy_from and _copy_from_and_resize.
Tensor CopyFakeFrom(const Tensor& from, const Tensor& to, bool non_blocking);
Tensor CopyFakeFromAndResize(const Tensor& from, const Tensor& to);

}  // namespace atelier::trainer::testing
