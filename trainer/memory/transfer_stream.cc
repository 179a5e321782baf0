#include "trainer/memory/transfer_stream.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace atelier::trainer {

TransferStream::TransferStream(torch::Device device)
    : device_(device),
      stream_(c10::impl::VirtualGuardImpl(device.type())
                  .getStreamFromGlobalPool(device)) {}

c10::Stream TransferStream::ComputingStream() const {
  return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
}

SharedEvent TransferStream::Run(absl::FunctionRef<void()> copies) {
  c10::Event issued(device_.type());
  issued.record(ComputingStream());
  issued.block(stream_);
  auto done = std::make_shared<c10::Event>(device_.type());
  const c10::StreamGuard here(stream_);
  copies();
  done->record(stream_);
  return done;
}

void TransferStream::WaitFor(const SharedEvent& event) const {
  event->block(stream_);
}

void TransferStream::LetComputeWait(const SharedEvent& event) {
  const c10::Stream computing = ComputingStream();
  c10::Event before(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event after(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  before.record(computing);
  event->block(computing);
  after.record(computing);
  waits_.emplace_back(std::move(before), std::move(after));
}

double TransferStream::TakeWaitSeconds() {
  constexpr double kSecondsOfMs = 1e-3;
  double seconds = 0;
  auto open = waits_.begin();
  while (open != waits_.end() && open->second.query()) {
    seconds += kSecondsOfMs * open->first.elapsedTime(open->second);
    ++open;
  }
  waits_.erase(waits_.begin(), open);
  return seconds;
}

void TransferStream::Hold(const Tensor& tensor) const {
  c10::impl::VirtualGuardImpl(device_.type())
      .recordDataPtrOnStream(tensor.storage().data_ptr(), stream_);
}

}  // namespace atelier::trainer
