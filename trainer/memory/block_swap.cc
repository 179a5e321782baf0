#include "trainer/memory/block_swap.h"

#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <utility>

#include "trainer/memory/pinned_memory.h"

namespace atelier::trainer {
namespace {

constexpr int kPlacesOfList = 2;

}  // namespace

BlockSwap::BlockSwap(
    const std::vector<std::vector<std::shared_ptr<torch::nn::Module>>>& lists,
    torch::Device device)
    : device_(device), in_(device), out_(device) {
  std::vector<int64_t> sizes;
  for (const auto& list : lists) {
    for (const auto& block : list) {
      sizes.push_back(SwappedBlock::BytesOf(*block));
    }
  }
  const std::vector<Tensor> homes = PinnedMemory(sizes);
  for (const auto& list : lists) {
    int64_t largest = 0;
    for (const auto& block : list) {
      const Tensor& home = homes[entries_.size()];
      entries_.push_back({SwappedBlock(*block, home), slots_.size(), nullptr});
      largest = std::max(largest, home.numel());
    }
    slots_.emplace_back();
    for (int i = 0; i < kPlacesOfList && largest > 0; ++i) {
      auto slot = std::make_unique<Slot>();
      slot->memory =
          torch::empty({largest}, torch::dtype(torch::kUInt8).device(device));
      slots_.back().push_back(std::move(slot));
    }
  }
}

void BlockSwap::BeginForward() {
  backward_ = false;
  turn_ = 0;
  fetch_ = 0;
  for (Entry& entry : entries_) {
    if (entry.slot != nullptr) entry.slot->holds = kNone;
    entry.slot = nullptr;
  }
  FetchAhead();
}

void BlockSwap::Bring(int64_t place, bool backward) {
  if (backward && !backward_) {
    backward_ = true;
    fetch_ = std::ssize(entries_) - 1;
  }
  turn_ = place;
  in_use_ = place;
  FetchAhead();
  Entry& entry = entries_[place];
  if (entry.slot == nullptr) {
    Fetch(place, *AnySlot(entry.list));
    fetch_ = place + (backward_ ? -1 : 1);
  }
  in_.LetComputeWait(entry.slot->arrived);
  entry.block.Use(entry.slot->memory.narrow(0, 0, entry.block.bytes()));
}

void BlockSwap::Release(int64_t place, bool backward) {
  entries_[place].block.Rest();
  in_use_ = kNone;
  turn_ = place + (backward ? -1 : 1);
  FetchAhead();
}

void BlockSwap::MakeHomesOfGradients() {
  std::vector<int64_t> sizes;
  for (const Entry& entry : entries_) sizes.push_back(entry.block.bytes());
  const std::vector<Tensor> homes = PinnedMemory(sizes);
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].block.SetHomeOfGradients(homes[i]);
  }
  has_homes_of_gradients_ = true;
}

void BlockSwap::TakeGradients(int64_t place,
                              const std::vector<Tensor>& gradients) {
  if (!has_homes_of_gradients_) MakeHomesOfGradients();
  SharedEvent sent = entries_[place].block.TakeGradients(gradients, in_, out_);
  if (sent == nullptr) return;
  gradients_home_ = std::move(sent);
  // The first of these that runs waits for all.
  torch::autograd::Engine::get_default_engine().queue_callback(
      [this] { WaitForGradients(); });
}

void BlockSwap::WaitForGradients() {
  if (gradients_home_ == nullptr) return;
  gradients_home_->synchronize();
  gradients_home_ = nullptr;
}

void BlockSwap::Abandon() {
  WaitForGradients();
  in_use_ = kNone;
}

bool BlockSwap::Holds(const Tensor& tensor) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.block.Holds(tensor);
  });
}

int64_t BlockSwap::device_bytes() const {
  int64_t bytes = 0;
  for (const auto& list : slots_) {
    for (const auto& slot : list) bytes += slot->memory.numel();
  }
  return bytes;
}

bool BlockSwap::IsOver(int64_t place) const {
  return backward_ ? place > turn_ : place < turn_;
}

void BlockSwap::FetchAhead() {
  const int64_t step = backward_ ? -1 : 1;
  for (; fetch_ >= 0 && fetch_ < std::ssize(entries_); fetch_ += step) {
    if (entries_[fetch_].slot != nullptr) continue;
    Slot* const slot = FreeSlot(entries_[fetch_].list);
    if (slot == nullptr) return;
    Fetch(fetch_, *slot);
  }
}

BlockSwap::Slot* BlockSwap::FreeSlot(size_t list) {
  for (const auto& slot : slots_[list]) {
    if (slot->holds == kNone || IsOver(slot->holds)) return slot.get();
  }
  return nullptr;
}

BlockSwap::Slot* BlockSwap::AnySlot(size_t list) {
  for (const auto& slot : slots_[list]) {
    if (slot->holds != in_use_) return slot.get();
  }
  return slots_[list].front().get();
}

void BlockSwap::Fetch(int64_t place, Slot& slot) {
  if (slot.holds != kNone) entries_[slot.holds].slot = nullptr;
  Entry& entry = entries_[place];
  slot.holds = place;
  entry.slot = &slot;
  const Tensor memory = slot.memory.narrow(0, 0, entry.block.bytes());
  slot.arrived = in_.Run([&] { entry.block.CopyTo(memory); });
}

}  // namespace atelier::trainer
