#include "tests/support/fake_accelerator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/csrc/utils/device_lazy_init.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {
namespace {

constexpr size_t kAlignment = 64;

void AddLiveBytes(int64_t bytes) {
  const std::lock_guard lock(FakeMutex());
  FakeRecord& record = TheFakeRecord();
  record.live_bytes += bytes;
  record.peak_bytes = std::max(record.peak_bytes, record.live_bytes);
}

void CheckLimit(int64_t bytes) {
  const std::lock_guard lock(FakeMutex());
  FakeRecord& record = TheFakeRecord();
  if (record.limit_bytes == 0 ||
      record.live_bytes + bytes <= record.limit_bytes) {
    return;
  }
  ++record.refusals;
  TORCH_CHECK_WITH(
      OutOfMemoryError, false, "fake out of memory. Tried to allocate ", bytes,
      " bytes. The device has a total capacity of ", record.limit_bytes,
      " bytes of which ", record.limit_bytes - record.live_bytes, " are free.");
}

void* AllocateHost(size_t bytes) {
  if (bytes == 0) return nullptr;
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* const memory = std::aligned_alloc(kAlignment, rounded);
  TORCH_CHECK(memory != nullptr, "no memory for ", bytes, " bytes");
  std::memset(memory, 0xFF, rounded);  // NaN in every floating point type
  return memory;
}

// Device memory: of its own, or that of a host tensor.
struct DeviceBlock {
  void* memory = nullptr;
  Tensor adopted;
  int64_t bytes = 0;
};

void FreeDeviceBlock(void* context) {
  auto* const block = static_cast<DeviceBlock*>(context);
  AddLiveBytes(-block->bytes);
  std::free(block->memory);
  delete block;
}

class DeviceAllocator : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    CheckLimit(static_cast<int64_t>(bytes));
    auto* const block = new DeviceBlock;
    block->memory = AllocateHost(bytes);
    block->bytes = static_cast<int64_t>(bytes);
    AddLiveBytes(block->bytes);
    return {block->memory, block, FreeDeviceBlock, TheFakeDevice()};
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {
    const std::lock_guard lock(FakeMutex());
    FinishFakeStreams();
    ++TheFakeRecord().emptied;
  }
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(
      c10::DeviceIndex) override {
    const std::lock_guard lock(FakeMutex());
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = TheFakeRecord().live_bytes;
    stats.allocated_bytes[0].peak = TheFakeRecord().peak_bytes;
    stats.reserved_bytes[0].current = TheFakeRecord().live_bytes;
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {
    FakeAccelerator::ResetPeak();
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

void FreePinned(void* memory) {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().pinned.erase(static_cast<const char*>(memory));
  std::free(memory);
}

class PinnedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const memory = AllocateHost(bytes);
    if (memory != nullptr) {
      const std::lock_guard lock(FakeMutex());
      TheFakeRecord().pinned[static_cast<const char*>(memory)] = bytes;
    }
    return {memory, memory, FreePinned, c10::Device(c10::kCPU)};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

struct FakeHooks : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override {
    return 0;
  }
  // Random numbers are drawn by the CPU's operators, from its generator; this
  // one is only there to be seeded.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static const at::Generator generator = getNewGenerator(0);
    return generator;
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override {
    return at::make_generator<at::CPUGeneratorImpl>();
  }
  bool isPinnedPtr(const void* data) const override {
    return IsFakePinned(data);
  }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    return FakePinnedAllocator();
  }
};

void Register() {
  c10::register_privateuse1_backend("fake");
  c10::SetAllocator(kFakeType, FakeDeviceAllocator());
  RegisterFakeStreams();
  RegisterFakeOperators();
  RegisterFakeAutocast();
  at::RegisterPrivateUse1HooksInterface(new FakeHooks);
}

}  // namespace

std::recursive_mutex& FakeMutex() {
  static auto* const mutex = new std::recursive_mutex;
  return *mutex;
}

c10::Allocator* FakeDeviceAllocator() {
  static auto* const allocator = new DeviceAllocator;
  return allocator;
}

c10::Allocator* FakePinnedAllocator() {
  static auto* const allocator = new PinnedAllocator;
  return allocator;
}

bool IsFakePinned(const void* data) {
  const std::lock_guard lock(FakeMutex());
  const auto& pinned = TheFakeRecord().pinned;
  const auto* const byte = static_cast<const char*>(data);
  auto after = pinned.upper_bound(byte);
  if (after == pinned.begin()) return false;
  --after;
  return byte < after->first + after->second;
}

c10::DataPtr AdoptAsDeviceMemory(const Tensor& host) {
  CheckLimit(static_cast<int64_t>(host.storage().nbytes()));
  auto* const block = new DeviceBlock;
  block->adopted = host;
  block->bytes = static_cast<int64_t>(host.storage().nbytes());
  AddLiveBytes(block->bytes);
  return {const_cast<void*>(host.storage().data()), block, FreeDeviceBlock,
          TheFakeDevice()};
}

torch::Device FakeAccelerator::Device() {
  static const bool registered = [] {
    Register();
    return true;
  }();
  (void)registered;
  return TheFakeDevice();
}

}  // namespace atelier::trainer::testing
