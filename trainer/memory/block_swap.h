// Moves the weights of blocks that live in host memory to the device around
// their use, ahead of it.
//
//   forward    h0 h1 h2 … hn      each into the place that the block two before
//   backward   hn … h2 h1 h0      it has left; the last two are there already
//
// Each list of blocks of like shape has two places on the device. While one
// block runs, the next one arrives on a stream of its own; the computing stream
// waits for an event, the host for nothing. The order of use is foreseen and
// not relied on: a block that is asked for out of turn is fetched then.
//
// Gradients leave the device during the backward pass (see swapped_block.h); at
// its end the host waits once until the last one has arrived.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "trainer/memory/swapped_block.h"
#include "trainer/memory/transfer_stream.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class BlockSwap {
 public:
  // Blocks in the order of their use, list by list; their weights move to host
  // memory. `device` is not the CPU. Throws: c10::Error without memory.
  BlockSwap(
      const std::vector<std::vector<std::shared_ptr<torch::nn::Module>>>& lists,
      torch::Device device);

  // A forward pass begins: copies on the device are of earlier weights.
  void BeginForward();

  // Around each run of block `place`, counted through all lists.
  void Bring(int64_t place, bool backward);
  void Release(int64_t place, bool backward);
  void TakeGradients(int64_t place, const std::vector<Tensor>& gradients);

  // Whether the weight, or buffer, lives in host memory.
  bool Holds(const Tensor& tensor) const;
  // A pass ended before its time, by an exception. Blocks: until the gradients
  // that are under way have come home; they are of no use.
  void Abandon();
  // Of the transfers to the device; see TransferStream.
  double TakeWaitSeconds() { return in_.TakeWaitSeconds(); }
  // On the device, for as long as this lives.
  int64_t device_bytes() const;

 private:
  static constexpr int64_t kNone = -1;

  // A place on the device.
  struct Slot {
    Tensor memory;  // uint8
    int64_t holds = kNone;
    SharedEvent arrived;
  };
  struct Entry {
    SwappedBlock block;
    size_t list;
    Slot* slot = nullptr;
  };

  bool IsOver(int64_t place) const;
  void FetchAhead();
  // A place whose block is not needed any more in this pass; null: none.
  Slot* FreeSlot(size_t list);
  // Any place that is not in use now.
  Slot* AnySlot(size_t list);
  void Fetch(int64_t place, Slot& slot);
  void MakeHomesOfGradients();
  void WaitForGradients();

  torch::Device device_;
  TransferStream in_;
  TransferStream out_;
  std::vector<Entry> entries_;
  std::vector<std::vector<std::unique_ptr<Slot>>> slots_;  // by list
  bool backward_ = false;
  int64_t turn_ = 0;   // the place that is in use, or used next
  int64_t fetch_ = 0;  // the next to fetch
  int64_t in_use_ = kNone;
  bool has_homes_of_gradients_ = false;
  SharedEvent gradients_home_;  // null: none are under way
};

}  // namespace atelier::trainer
