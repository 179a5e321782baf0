// The weights of one block, whose home is host memory.
//
// All parameters and buffers lie one after the other in one piece of pinned
// memory, so that a block moves in one transfer. The module's tensors stay the
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
  // Moves the weights to their home. Throws: c10::Error where pinned memory
  // cannot be had.
  explicit SwappedBlock(torch::nn::Module& block);

  int64_t bytes() const { return home_.numel(); }
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
    Tensor gradient;     // its place at home, made with the first gradient
  };

  Tensor ViewOf(const Tensor& memory, const Part& part) const;

  std::vector<Part> parts_;
  Tensor home_;       // uint8, pinned
  Tensor gradients_;  // the same for gradients
};

}  // namespace atelier::trainer
