// Keeps the inputs of recomputed blocks in host memory between the forward and
// the backward pass.
//
// Copies run beside the computation: out of the device while the block runs,
// and back, one block ahead, while the later block is recomputed.
#pragma once

#include <memory>
#include <vector>

#include "trainer/memory/transfer_stream.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class ActivationStore {
 public:
  ActivationStore();
  ~ActivationStore();

  // The inputs of one block in one forward pass. Owns: host memory, and device
  // memory from the time that it is brought back.
  struct Kept;

  // Large inputs go to host memory. What is on the host already, and what is
  // small beside the largest (vectors that all blocks share), stays where it
  // is.
  std::shared_ptr<Kept> Keep(const std::vector<Tensor>& inputs);
  // The inputs on their device, equal bit for bit, without gradient history.
  // Also starts to bring back those that were kept just before these.
  std::vector<Tensor> Restore(Kept& kept);

  // Of the transfers back; see TransferStream.
  double TakeWaitSeconds();

 private:
  void BringBack(Kept& kept);

  std::unique_ptr<TransferStream> out_;
  std::unique_ptr<TransferStream> back_;
  std::weak_ptr<Kept> last_;
};

}  // namespace atelier::trainer
