// What the fake accelerator counts, and its answers.
#include <utility>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {

FakeRecord& TheFakeRecord() {
  static auto* const record = new FakeRecord;
  return *record;
}

void RecordSync(const std::string& what) {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().syncs.push_back({what, TheFakeRecord().label});
}

void RecordTransfer(FakeTransfer transfer) {
  const std::lock_guard lock(FakeMutex());
  transfer.label = TheFakeRecord().label;
  TheFakeRecord().transfers.push_back(std::move(transfer));
}

int64_t FakeAccelerator::live_bytes() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().live_bytes;
}

int64_t FakeAccelerator::peak_bytes() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().peak_bytes;
}

void FakeAccelerator::ResetPeak() {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().peak_bytes = TheFakeRecord().live_bytes;
}

int64_t FakeAccelerator::pinned_bytes() {
  const std::lock_guard lock(FakeMutex());
  int64_t bytes = 0;
  for (const auto& [first, size] : TheFakeRecord().pinned) {
    bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

void FakeAccelerator::SetLimit(int64_t bytes) {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().limit_bytes = bytes;
}

int64_t FakeAccelerator::refusals() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().refusals;
}

int64_t FakeAccelerator::emptied() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().emptied;
}

void FakeAccelerator::SetCosts(double operator_ms, double byte_ms) {
  SetFakeCosts(operator_ms, byte_ms);
}

void FakeAccelerator::Finish() { FinishFakeStreams(); }

std::vector<FakeSync> FakeAccelerator::syncs() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().syncs;
}

std::vector<FakeTransfer> FakeAccelerator::transfers() {
  const std::lock_guard lock(FakeMutex());
  return TheFakeRecord().transfers;
}

int64_t FakeAccelerator::CountTransfers(FakeTransfer::Direction direction) {
  int64_t count = 0;
  for (const FakeTransfer& transfer : transfers()) {
    if (transfer.direction == direction) ++count;
  }
  return count;
}

int64_t FakeAccelerator::TransferredBytes(FakeTransfer::Direction direction) {
  int64_t bytes = 0;
  for (const FakeTransfer& transfer : transfers()) {
    if (transfer.direction == direction) bytes += transfer.bytes;
  }
  return bytes;
}

void FakeAccelerator::ClearRecord() {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().refusals = 0;
  TheFakeRecord().emptied = 0;
  TheFakeRecord().syncs.clear();
  TheFakeRecord().transfers.clear();
}

FakeLabel::FakeLabel(std::string label) {
  const std::lock_guard lock(FakeMutex());
  before_ = std::exchange(TheFakeRecord().label, std::move(label));
}

FakeLabel::~FakeLabel() {
  const std::lock_guard lock(FakeMutex());
  TheFakeRecord().label = before_;
}

}  // namespace atelier::trainer::testing
