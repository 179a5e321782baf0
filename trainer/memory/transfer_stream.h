// Copies between a device and host memory beside the stream that computes.
//
// Through LibTorch's device-independent streams and events, so it serves CUDA
// where its library is loaded, and any other device that has streams.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

using SharedEvent = std::shared_ptr<c10::Event>;

class TransferStream {
 public:
  // A device other than the CPU.
  explicit TransferStream(torch::Device device);

  // Runs `copies`, which must not block, behind everything that the computing
  // stream has been given so far and behind earlier copies. Returns the point
  // where they are done.
  SharedEvent Run(absl::FunctionRef<void()> copies);
  // Later copies run after `event` of another stream.
  void WaitFor(const SharedEvent& event) const;
  // What the computing stream is given from now on runs after `event`.
  void LetComputeWait(const SharedEvent& event);
  // Seconds for which the computing stream stood still in LetComputeWait, by
  // the device's own clock, since the last call; waits that are not over yet
  // count in a later one. Blocks: never.
  double TakeWaitSeconds();
  // The memory of `tensor`, made for the computing stream, is not given to
  // anything else before what this stream has been given so far is done.
  void Hold(const Tensor& tensor) const;

 private:
  c10::Stream ComputingStream() const;

  torch::Device device_;
  c10::Stream stream_;
  // On the computing stream, before and after each wait.
  std::vector<std::pair<c10::Event, c10::Event>> waits_;
};

}  // namespace atelier::trainer
