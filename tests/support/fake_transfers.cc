// Copies of the fake accelerator, between devices and within its memory.
#include <memory>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {
namespace {

void CopyNow(const Tensor& from, const Tensor& to) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  to.copy_(from);
}

void Transfer(const Tensor& from, const Tensor& to, bool non_blocking) {
  using Direction = FakeTransfer::Direction;
  const bool to_host = to.is_cpu();
  const Tensor& host = to_host ? to : from;
  const bool blocks = !non_blocking || !IsFakePinned(host.const_data_ptr());
  RecordTransfer({to_host ? Direction::kToHost : Direction::kToDevice,
                  static_cast<int64_t>(to.nbytes()), blocks,
                  CurrentFakeStream(), ""});
  CountFakeCopy(static_cast<int64_t>(to.nbytes()));
  if (blocks) {
    RecordSync(to_host ? "copy to host" : "copy to device");
    FinishFakeStream(CurrentFakeStream());
    return CopyNow(HostView(from), HostView(to));
  }
  if (!to_host) {
    return EnqueueFakeWork({[from, to] {
                              DeliverFakeWorkTo(from.storage().data());
                              CopyNow(from, HostView(to));
                            },
                            nullptr, nullptr});
  }
  auto arrived = std::make_shared<Tensor>();
  EnqueueFakeWork({[from, arrived] {
                     const at::AutoDispatchBelowADInplaceOrView below_autograd;
                     *arrived = HostView(from).clone();
                   },
                   [to, arrived] { CopyNow(*arrived, to); },
                   to.storage().data()});
}

}  // namespace

Tensor CopyFakeFrom(const Tensor& from, const Tensor& to, bool non_blocking) {
  if (IsFake(from) && IsFake(to)) {
    EnqueueFakeWork({[from, to] { CopyNow(HostView(from), HostView(to)); },
                     nullptr, nullptr});
  } else {
    Transfer(from, to, non_blocking);
  }
  return to;
}

Tensor CopyFakeFromAndResize(const Tensor& from, const Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return CopyFakeFrom(from, to, false);
}

}  // namespace atelier::trainer::testing
