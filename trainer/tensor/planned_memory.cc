#include "trainer/tensor/planned_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>

namespace atelier::trainer {
namespace {

constexpr size_t kReserved = size_t{1} << 40;  // of address space
constexpr size_t kAlignment = 64;

struct Ledger {
  std::mutex mutex;
  PlannedBytes live;
  PlannedBytes peak;
  char* first = nullptr;  // of the pages that are reserved
  size_t next = 0;        // offset of the next tensor
};

Ledger& TheLedger() {
  static auto* const ledger = new Ledger;
  return *ledger;
}

// A tensor's share of the ledger.
struct PlannedBlock {
  int64_t bytes = 0;
  bool is_host = false;
};

void Count(const PlannedBlock& block, int64_t sign) {
  Ledger& ledger = TheLedger();
  const std::lock_guard lock(ledger.mutex);
  if (block.is_host) {
    ledger.live.host += sign * block.bytes;
    ledger.peak.host = std::max(ledger.peak.host, ledger.live.host);
  } else {
    ledger.live.device += sign * block.bytes;
    ledger.peak.device = std::max(ledger.peak.device, ledger.live.device);
  }
}

void FreePlanned(void* context) {
  auto* const block = static_cast<PlannedBlock*>(context);
  Count(*block, -1);
  delete block;
}

// Addresses repeat after kReserved bytes, which hurts nobody: nothing is there.
void* NextAddress(size_t bytes) {
  Ledger& ledger = TheLedger();
  const std::lock_guard lock(ledger.mutex);
  if (ledger.first == nullptr) {
    void* const pages =
        mmap(nullptr, kReserved, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TORCH_CHECK(pages != MAP_FAILED, "no address space for a memory plan of ",
                kReserved, " bytes; raise `ulimit -v`");
    ledger.first = static_cast<char*>(pages);
  }
  TORCH_CHECK(bytes <= kReserved, "a tensor of ", bytes, " bytes is planned");
  if (ledger.next + bytes > kReserved) ledger.next = 0;
  char* const address = ledger.first + ledger.next;
  ledger.next += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return address;
}

}  // namespace

PlannedBytes LivePlannedBytes() {
  Ledger& ledger = TheLedger();
  const std::lock_guard lock(ledger.mutex);
  return ledger.live;
}

PlannedBytes PeakPlannedBytes() {
  Ledger& ledger = TheLedger();
  const std::lock_guard lock(ledger.mutex);
  return ledger.peak;
}

void ResetPlannedPeak() {
  Ledger& ledger = TheLedger();
  const std::lock_guard lock(ledger.mutex);
  ledger.peak = ledger.live;
}

c10::DataPtr PlanMemoryOf(size_t bytes, c10::Device device, PlannedKind kind) {
  auto* const block = new PlannedBlock;
  block->is_host = device.is_cpu();
  block->bytes = kind == PlannedKind::kMapped ? 0 : static_cast<int64_t>(bytes);
  Count(*block, 1);
  return {NextAddress(bytes), block, FreePlanned, device};
}

Tensor PlannedTensor(at::IntArrayRef shape, torch::ScalarType type,
                     c10::Device device, PlannedKind kind) {
  const auto key =
      device.is_cpu() ? c10::DispatchKey::CPU : c10::DispatchKey::PrivateUse1;
  const size_t bytes = c10::multiply_integers(shape) * c10::elementSize(type);
  c10::Storage storage(c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), bytes,
      PlanMemoryOf(bytes, device, kind), nullptr, /*resizable=*/false));
  Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(key),
      c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(shape);
  return tensor;
}

bool HasContents(const Tensor& tensor) {
  return !tensor.has_storage() ||
         tensor.storage().data_ptr().get_deleter() != &FreePlanned;
}

}  // namespace atelier::trainer
