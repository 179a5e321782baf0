#include "trainer/memory/activation_store.h"

#include <algorithm>
#include <utility>

namespace atelier::trainer {

struct ActivationStore::Kept {
  struct Input {
    Tensor on_device;  // undefined while it is in host memory only
    Tensor on_host;    // undefined if it never left
  };
  std::vector<Input> inputs;
  torch::Device device = torch::kCPU;
  SharedEvent out;   // null: nothing left the device
  SharedEvent back;  // null: not brought back
  std::weak_ptr<Kept> previous;
};

namespace {

Tensor LikeOnHost(const Tensor& tensor) {
  return torch::empty_strided(
      tensor.sizes(), tensor.strides(),
      tensor.options().device(torch::kCPU).pinned_memory(true));
}

}  // namespace

ActivationStore::ActivationStore() = default;
ActivationStore::~ActivationStore() = default;

std::shared_ptr<ActivationStore::Kept> ActivationStore::Keep(
    const std::vector<Tensor>& inputs) {
  auto kept = std::make_shared<Kept>();
  kept->previous = last_;
  last_ = kept;
  size_t largest = 0;
  for (const Tensor& input : inputs) {
    largest = std::max(largest, input.nbytes());
  }
  for (const Tensor& input : inputs) {
    const Tensor plain = input.detach();
    if (plain.is_cpu() || 2 * plain.nbytes() < largest) {
      kept->inputs.push_back({plain, {}});
      continue;
    }
    kept->device = plain.device();
    if (out_ == nullptr) {
      out_ = std::make_unique<TransferStream>(plain.device());
      back_ = std::make_unique<TransferStream>(plain.device());
    }
    const Tensor dense =
        plain.is_non_overlapping_and_dense() ? plain : plain.contiguous();
    const Tensor host = LikeOnHost(dense);
    kept->out = out_->Run([&] { host.copy_(dense, /*non_blocking=*/true); });
    out_->Hold(dense);
    kept->inputs.push_back({{}, host});
  }
  return kept;
}

void ActivationStore::BringBack(Kept& kept) {
  if (kept.back != nullptr || kept.out == nullptr) return;
  for (Kept::Input& input : kept.inputs) {
    if (input.on_device.defined()) continue;
    input.on_device = torch::empty_strided(
        input.on_host.sizes(), input.on_host.strides(),
        input.on_host.options().device(kept.device).pinned_memory(false));
  }
  back_->WaitFor(kept.out);
  kept.back = back_->Run([&] {
    for (const Kept::Input& input : kept.inputs) {
      if (!input.on_host.defined()) continue;
      input.on_device.copy_(input.on_host, /*non_blocking=*/true);
    }
  });
  for (const Kept::Input& input : kept.inputs) {
    if (input.on_host.defined()) back_->Hold(input.on_device);
  }
}

double ActivationStore::TakeWaitSeconds() {
  return back_ == nullptr ? 0 : back_->TakeWaitSeconds();
}

std::vector<Tensor> ActivationStore::Restore(Kept& kept) {
  BringBack(kept);
  if (kept.back != nullptr) back_->LetComputeWait(kept.back);
  if (const auto previous = kept.previous.lock()) BringBack(*previous);
  std::vector<Tensor> inputs;
  for (const Kept::Input& input : kept.inputs) {
    inputs.push_back(input.on_device);
  }
  return inputs;
}

}  // namespace atelier::trainer
