#include "trainer/memory/swapped_block.h"

#include <utility>

namespace atelier::trainer {
namespace {

constexpr int64_t kAlignment = 256;  // bytes; that of CUDA's own allocations

int64_t Aligned(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

std::vector<SwappedBlock::Part> SwappedBlock::Layout(
    const torch::nn::Module& block, int64_t& bytes) {
  std::vector<Part> parts;
  bytes = 0;
  for (const auto& tensors : {block.parameters(), block.buffers()}) {
    for (const Tensor& tensor : tensors) {
      parts.push_back({tensor, {}, bytes, {}});
      bytes += Aligned(static_cast<int64_t>(tensor.nbytes()));
    }
  }
  return parts;
}

int64_t SwappedBlock::BytesOf(const torch::nn::Module& block) {
  int64_t bytes = 0;
  Layout(block, bytes);
  return bytes;
}

SwappedBlock::SwappedBlock(const torch::nn::Module& block, const Tensor& home)
    : home_(home) {
  const torch::NoGradGuard no_grad;
  int64_t bytes = 0;
  parts_ = Layout(block, bytes);
  TORCH_CHECK(home.numel() == bytes, "a block of ", bytes,
              " bytes cannot live in ", home.numel());
  for (Part& part : parts_) {
    part.at_home = ViewOf(home_, part);
    part.at_home.copy_(part.tensor.detach());
    part.tensor.set_data(part.at_home);
  }
}

Tensor SwappedBlock::ViewOf(const Tensor& memory, const Part& part) {
  const auto bytes = static_cast<int64_t>(part.tensor.nbytes());
  const Tensor flat =
      memory.narrow(0, part.offset, bytes).view(part.tensor.scalar_type());
  // Gaps in memory are not worth keeping.
  if (!part.tensor.is_non_overlapping_and_dense()) {
    return flat.view(part.tensor.sizes());
  }
  return flat.as_strided(part.tensor.sizes(), part.tensor.strides());
}

bool SwappedBlock::Holds(const Tensor& tensor) const {
  for (const Part& part : parts_) {
    if (part.tensor.is_same(tensor)) return true;
  }
  return false;
}

void SwappedBlock::CopyTo(const Tensor& copy) const {
  copy.copy_(home_, /*non_blocking=*/true);
}

void SwappedBlock::Use(const Tensor& copy) {
  const torch::NoGradGuard no_grad;
  for (Part& part : parts_) part.tensor.set_data(ViewOf(copy, part));
}

void SwappedBlock::Rest() {
  const torch::NoGradGuard no_grad;
  for (Part& part : parts_) part.tensor.set_data(part.at_home);
}

SharedEvent SwappedBlock::TakeGradients(const std::vector<Tensor>& gradients,
                                        TransferStream& in,
                                        TransferStream& out) {
  const torch::NoGradGuard no_grad;
  std::vector<std::pair<Tensor, Tensor>> copies;  // from the device, to home
  size_t next = 0;
  for (Part& part : parts_) {
    if (!part.tensor.requires_grad()) continue;
    Tensor gradient = gradients.at(next++);
    if (!gradient.defined()) continue;
    gradient = gradient.detach();
    Tensor& sum = part.tensor.mutable_grad();
    if (sum.defined()) {
      const Tensor before = torch::empty_like(gradient);
      const Tensor at_home = sum;
      in.LetComputeWait(
          in.Run([&] { before.copy_(at_home, /*non_blocking=*/true); }));
      in.Hold(before);
      gradient = before + gradient;
    }
    if (!part.gradient.defined()) part.gradient = ViewOf(gradients_, part);
    sum = part.gradient;
    copies.emplace_back(gradient, part.gradient);
  }
  if (copies.empty()) return nullptr;
  const SharedEvent done = out.Run([&] {
    for (const auto& [from, to] : copies) to.copy_(from, /*non_blocking=*/true);
  });
  for (const auto& [from, to] : copies) out.Hold(from);
  return done;
}

}  // namespace atelier::trainer
