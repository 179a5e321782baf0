#include "trainer/memory/device_memory.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>

namespace atelier::trainer {
namespace {

// Null for the CPU and for allocators without statistics.
c10::DeviceAllocator* AllocatorOf(torch::Device device) {
  if (device.is_cpu()) return nullptr;
  auto* const allocator =
      dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  return allocator != nullptr && allocator->initialized() ? allocator : nullptr;
}

c10::DeviceIndex IndexOf(torch::Device device) {
  return device.has_index() ? device.index() : c10::DeviceIndex{0};
}

}  // namespace

void DevicePeaks::Begin() {
  before_ = ever_bytes();
  c10::DeviceAllocator* const allocator = AllocatorOf(device_);
  if (allocator != nullptr) allocator->resetPeakStats(IndexOf(device_));
}

int64_t DevicePeaks::since_begin_bytes() const {
  c10::DeviceAllocator* const allocator = AllocatorOf(device_);
  if (allocator == nullptr) return 0;
  constexpr auto kAll =
      static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return allocator->getDeviceStats(IndexOf(device_)).allocated_bytes[kAll].peak;
}

int64_t DevicePeaks::ever_bytes() const {
  return std::max(before_, since_begin_bytes());
}

void EmptyDeviceCache(torch::Device device) {
  c10::DeviceAllocator* const allocator = AllocatorOf(device);
  if (allocator != nullptr) allocator->emptyCache();
}

}  // namespace atelier::trainer
