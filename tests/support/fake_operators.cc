// Operators of the fake accelerator: the CPU's, run on the device's own memory.
#include <ATen/EmptyTensor.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "tests/support/fake_device.h"

namespace atelier::trainer::testing {
namespace {

// A tensor over `data` with the shape of `like`.
Tensor Wrap(c10::DataPtr data, const Tensor& like, c10::Allocator* allocator,
            c10::DispatchKey key) {
  c10::Storage storage(c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), like.storage().nbytes(),
      std::move(data), allocator, /*resizable=*/true));
  Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(key), like.dtype());
  auto* const impl = tensor.unsafeGetTensorImpl();
  impl->set_storage_offset(like.storage_offset());
  impl->set_sizes_and_strides(like.sizes(), like.strides());
  return tensor;
}

Tensor Adopt(const Tensor& host) {
  return Wrap(AdoptAsDeviceMemory(host), host, FakeDeviceAllocator(),
              c10::DispatchKey::PrivateUse1);
}

// The host views of a call's device tensors.
class Loans {
 public:
  Tensor Lend(const Tensor& tensor) {
    if (!IsFake(tensor)) return tensor;
    for (const Loan& loan : loans_) {
      if (loan.device.is_same(tensor)) return loan.host;
    }
    loans_.push_back({tensor, HostView(tensor)});
    return loans_.back().host;
  }

  // The device tensor for a result of the call.
  Tensor TakeBack(const Tensor& result) const {
    if (!result.defined()) return result;
    for (const Loan& loan : loans_) {
      if (loan.host.is_same(result)) return loan.device;
    }
    for (const Loan& loan : loans_) {
      if (result.has_storage() &&
          loan.host.storage().is_alias_of(result.storage())) {
        return at::native::as_strided_tensorimpl(loan.device, result.sizes(),
                                                 result.strides(),
                                                 result.storage_offset());
      }
    }
    return Adopt(result);
  }

  // Results that were given as arguments may have been resized.
  void Settle() const {
    for (const Loan& loan : loans_) {
      auto* const impl = loan.device.unsafeGetTensorImpl();
      if (loan.host.storage().data() != loan.device.storage().data()) {
        auto* const storage = loan.device.storage().unsafeGetStorageImpl();
        storage->set_data_ptr_noswap(AdoptAsDeviceMemory(loan.host));
        storage->set_nbytes(loan.host.storage().nbytes());
      }
      if (loan.host.sizes() != loan.device.sizes() ||
          loan.host.strides() != loan.device.strides()) {
        impl->set_sizes_and_strides(loan.host.sizes(), loan.host.strides());
      }
    }
  }

  bool empty() const { return loans_.empty(); }

 private:
  struct Loan {
    Tensor device;
    Tensor host;
  };
  std::vector<Loan> loans_;
};

// Operators whose result has a size that only the data say.
constexpr std::array<std::string_view, 6> kDataDependent = {
    "aten::nonzero", "aten::masked_select",      "aten::_unique2",
    "aten::equal",   "aten::unique_consecutive", "aten::repeat_interleave"};

class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack* stack)
      : op_(op), stack_(stack), name_(op.schema().name()) {}

  void Run() {
    const size_t count = op_.schema().arguments().size();
    const size_t first = stack_->size() - count;
    for (size_t i = first; i < stack_->size(); ++i) Lend((*stack_)[i]);
    Check();
    if (std::find(kDataDependent.begin(), kDataDependent.end(), name_) !=
        kDataDependent.end()) {
      RecordSync(name_.substr(name_.find(':') + 2));
    }
    CountFakeOperator();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack_);
    loans_.Settle();
    for (c10::IValue& value : *stack_) TakeBack(value);
  }

 private:
  bool is_indexing() const { return name_.find("index") != std::string::npos; }

  Tensor LendOne(const Tensor& tensor, bool is_index) {
    if (!tensor.defined()) return tensor;
    if (is_index) {
      // A mask is turned into positions, whose number only it says; reading by
      // one has called nonzero before it comes here.
      if (tensor.scalar_type() == torch::kBool && name_ != "aten::index") {
        RecordSync("index by mask");
      }
      if (tensor.is_cpu()) {
        RecordTransfer({FakeTransfer::Direction::kToDevice,
                        static_cast<int64_t>(tensor.nbytes()), true,
                        CurrentFakeStream(), ""});
        RecordSync("copy to device");
      }
    } else if (tensor.is_cpu() && tensor.dim() > 0) {
      has_host_tensor_ = true;
    }
    return loans_.Lend(tensor);
  }

  void Lend(c10::IValue& value) {
    if (value.isTensor()) {
      value = LendOne(value.toTensor(), false);
    } else if (value.isTensorList()) {
      c10::List<Tensor> lent;
      for (const Tensor& tensor : value.toTensorVector()) {
        lent.push_back(LendOne(tensor, is_indexing()));
      }
      value = lent;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> lent;
      for (const std::optional<Tensor>& tensor :
           value.toOptionalTensorVector()) {
        lent.push_back(
            tensor ? std::optional<Tensor>(LendOne(*tensor, is_indexing()))
                   : std::nullopt);
      }
      value = lent;
    } else if (value.isDevice() && value.toDevice().type() == kFakeType) {
      value = c10::Device(c10::kCPU);
      names_device_ = true;
    }
  }

  void Check() const {
    TORCH_CHECK(!has_host_tensor_ || (loans_.empty() && !names_device_),
                "Expected all tensors to be on the same device, but found at "
                "least two devices, fake:0 and cpu! (when running ",
                name_, ")");
  }

  void TakeBack(c10::IValue& value) const {
    if (value.isTensor()) {
      value = loans_.TakeBack(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<Tensor> taken;
      for (const Tensor& tensor : value.toTensorVector()) {
        taken.push_back(loans_.TakeBack(tensor));
      }
      value = taken;
    }
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack* stack_;
  std::string name_;
  Loans loans_;
  bool has_host_tensor_ = false;
  bool names_device_ = false;
};

void RunOnHost(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  // Results of other calls may lie below the arguments of this one.
  const size_t count = op.schema().arguments().size();
  torch::jit::Stack mine(stack->end() - static_cast<int64_t>(count),
                         stack->end());
  stack->resize(stack->size() - count);
  Call(op, &mine).Run();
  for (c10::IValue& value : mine) stack->push_back(std::move(value));
}

const Tensor& Resize(const Tensor& tensor, c10::IntArrayRef sizes,
                     std::optional<at::MemoryFormat>) {
  auto* const impl = tensor.unsafeGetTensorImpl();
  auto* const storage = tensor.storage().unsafeGetStorageImpl();
  impl->set_sizes_contiguous(sizes);
  const size_t bytes = impl->numel() * tensor.element_size();
  if (storage->nbytes() < bytes) {
    c10::DataPtr grown = FakeDeviceAllocator()->allocate(bytes);
    if (storage->nbytes() > 0) {
      std::memcpy(grown.get(), storage->data(), storage->nbytes());
    }
    storage->set_data_ptr_noswap(std::move(grown));
    storage->set_nbytes(bytes);
  }
  return tensor;
}

at::Scalar ReadScalar(const Tensor& tensor) {
  RecordSync("item");
  FinishFakeStream(CurrentFakeStream());
  return HostView(tensor).item();
}

Tensor Empty(c10::IntArrayRef sizes, std::optional<at::ScalarType> dtype,
             std::optional<at::Layout>, std::optional<at::Device>,
             std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(
      sizes, FakeDeviceAllocator(),
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
      dtype.value_or(at::kFloat), format);
}

Tensor EmptyStrided(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                    std::optional<at::ScalarType> dtype,
                    std::optional<at::Layout>, std::optional<at::Device>,
                    std::optional<bool>) {
  return at::detail::empty_strided_generic(
      sizes, strides, FakeDeviceAllocator(),
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
      dtype.value_or(at::kFloat));
}

Tensor AsStrided(const Tensor& tensor, c10::IntArrayRef sizes,
                 c10::IntArrayRef strides, std::optional<int64_t> offset) {
  return at::native::as_strided_tensorimpl(tensor, sizes, strides, offset);
}

Tensor View(const Tensor& tensor, c10::IntArrayRef sizes) {
  return at::native::view(tensor, sizes);
}

// Module::to exchanges the memory of a parameter for that on the device.
bool CanTakeOver(const Tensor&, const Tensor&) { return true; }

}  // namespace

Tensor HostView(const Tensor& device) {
  if (!IsFake(device)) return device;
  const auto& storage = device.storage();
  return Wrap(c10::DataPtr(storage.unsafeGetStorageImpl()->mutable_data(),
                           c10::Device(c10::kCPU)),
              device, c10::GetAllocator(c10::kCPU), c10::DispatchKey::CPU);
}

void RegisterFakeOperators() {
  using torch::CppFunction;
  using torch::Library;
  static Library all(Library::IMPL, "_", c10::DispatchKey::PrivateUse1,
                     __FILE__, __LINE__);
  all.fallback(CppFunction::makeFromBoxedFunction<&RunOnHost>());
  static Library m(Library::IMPL, "aten", c10::DispatchKey::PrivateUse1,
                   __FILE__, __LINE__);
  // These would be taken apart into other operators than the CPU's.
  for (const char* name : {"convolution", "convolution_backward",
                           "native_group_norm", "native_group_norm_backward",
                           "native_layer_norm", "native_layer_norm_backward"}) {
    m.impl(name, CppFunction::makeFromBoxedFunction<&RunOnHost>());
  }
  m.impl("empty.memory_format", TORCH_FN(Empty));
  m.impl("empty_strided", TORCH_FN(EmptyStrided));
  m.impl("_copy_from", TORCH_FN(CopyFakeFrom));
  m.impl("_copy_from_and_resize", TORCH_FN(CopyFakeFromAndResize));
  m.impl("_local_scalar_dense", TORCH_FN(ReadScalar));
  m.impl("resize_", TORCH_FN(Resize));
  m.impl("as_strided", TORCH_FN(AsStrided));
  m.impl("view", TORCH_FN(View));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("_has_compatible_shallow_copy_type", TORCH_FN(CanTakeOver));
}

}  // namespace atelier::trainer::testing
