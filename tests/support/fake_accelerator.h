// A second device type for tests, on machines without a GPU: `fake:0`.
//
// Its memory is host memory and its operators are the CPU's, so numbers are the
// CPU's bit for bit. What it adds is what only a device shows:
//   - a tensor on the host among tensors on the device is refused, as with
//     CUDA (scalars and indices may be on the host);
//   - live and peak bytes of device memory are known, and new memory is filled
//     with NaNs; past a limit c10::OutOfMemoryError is thrown, as CUDA does;
//   - every point where the host waits for the device, and every transfer with
//     its size, is recorded in order;
//   - streams and events exist. Copies on a stream other than the default one,
//     and copies to the host that do not block, happen as late as they may: at
//     the first wait for them. Who forgets to wait reads old values;
//   - events tell the time of a clock of each stream, which operators and
//   copies
//     move on by fixed amounts: what overlaps takes the longer of both times.
//
// Device() must be called before the first backward pass of a process, because
// autograd starts its threads then. Threads: any, one test at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

// A point where the host waits until the device has done its work.
struct FakeSync {
  std::string what;   // `item`, `nonzero`, `copy to host`, `event`, …
  std::string label;  // of the FakeLabel in force
};

struct FakeTransfer {
  enum class Direction { kToDevice, kToHost };
  Direction direction = Direction::kToDevice;
  int64_t bytes = 0;  // of the destination
  // The host waits for it: it was asked to, or its memory is not pinned.
  bool blocks = false;
  int64_t stream = 0;
  std::string label;
};

class FakeAccelerator {
 public:
  // Registers the device type the first time.
  static torch::Device Device();

  static int64_t live_bytes();
  static int64_t peak_bytes();
  static void ResetPeak();
  // Of live bytes; 0: none. An allocation beyond it throws, however often.
  static void SetLimit(int64_t bytes);
  // How often that happened since ClearRecord.
  static int64_t refusals();
  // How often the allocator was asked to give back what it keeps.
  static int64_t emptied();
  // What the clock of a stream counts: for each operator, and for each byte
  // that a copy moves.
  static void SetCosts(double operator_ms, double byte_ms);
  static int64_t pinned_bytes();  // page-locked host memory, live
  // Finishes all streams, and is not recorded: work that lies on one keeps its
  // memory.
  static void Finish();

  static std::vector<FakeSync> syncs();
  static std::vector<FakeTransfer> transfers();
  // How often a transfer in this direction was started, and its bytes.
  static int64_t CountTransfers(FakeTransfer::Direction direction);
  static int64_t TransferredBytes(FakeTransfer::Direction direction);
  static void ClearRecord();
};

// Names what runs while it lives, in every thread; the innermost counts.
class FakeLabel {
 public:
  explicit FakeLabel(std::string label);
  ~FakeLabel();
  FakeLabel(const FakeLabel&) = delete;
  FakeLabel& operator=(const FakeLabel&) = delete;

 private:
  std::string before_;
};

}  // namespace atelier::trainer::testing
