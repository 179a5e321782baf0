// The weights of one block, whose home is host memory.
//
// All parameters and buffers lie one after the other in pinned memory, so that
// a block moves in one transfer. The module's tensors stay the
// same objects throughout: at rest they are views of the home, whole and on the
// CPU, for whoever updates or saves them; while the block runs they are views
// of a copy on the device. Running changes no weight, so copies are never
// brought back. Gradients are: they come to the home of the weights, where
// the optimizer finds both.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/memory/transfer_stream.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class SwappedBlock {
 public:
  // The size of home that a block needs.
  static int64_t BytesOf(const torch::nn::Module& block);

  // Moves the weights to `home`, [BytesOf(block)] uint8 in pinned memory.
  SwappedBlock(const torch::nn::Module& block, const Tensor& home);

  int64_t bytes() const { return home_.numel(); }
  // Gradients come here; as `home`. Before the first ones.
  void SetHomeOfGradients(const Tensor& home) { gradients_ = home; }
  bool Holds(const Tensor& tensor) const;

  // A copy of all weights, [bytes()] uint8 on a device; does not wait.
  void CopyTo(const Tensor& copy) const;
  // The module's tensors are views of such a copy, or at home again.
  void Use(const Tensor& copy);
  void Rest();

  // Adds the gradients of the trained parameters, which are on a device, to
  // those at home (on the device, so that sums are the same as without
  // swapping), and starts their way home. The host may look at them once
  // `out` has done its work. Undefined gradients add nothing.
  //
  // Returns when they are there; null if nothing was sent.
  SharedEvent TakeGradients(const std::vector<Tensor>& gradients,
                            TransferStream& in, TransferStream& out);

 private:
  struct Part {
    Tensor tensor;  // the module's own
    Tensor at_home;
    int64_t offset = 0;  // bytes
    Tensor gradient;     // its place at home, made when it is needed
  };

  static std::vector<Part> Layout(const torch::nn::Module& block,
                                  int64_t& bytes);
  static Tensor ViewOf(const Tensor& memory, const Part& part);

  std::vector<Part> parts_;
  Tensor home_;
  Tensor gradients_;  // their home
};

}  // namespace atelier::trainer
