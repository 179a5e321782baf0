#include "trainer/checkpoint/torch_save_writer.h"

#include <caffe2/serialize/inline_container.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/saved_type.h"
#include "trainer/checkpoint/torch_save/storage_type.h"
#include "trainer/tensor/catch_torch.h"

namespace atelier::trainer {
namespace {

// The opcodes of pickle protocol 2 that are needed.
class PickleText {
 public:
  PickleText() { bytes_ = "\x80\x02"; }

  void EmptyDict() { bytes_ += '}'; }
  void Mark() { bytes_ += '('; }
  void SetItems() { bytes_ += 'u'; }
  void Tuple() { bytes_ += 't'; }
  void EmptyTuple() { bytes_ += ')'; }
  void Call() { bytes_ += 'R'; }
  void PersistentId() { bytes_ += 'Q'; }
  void False() { bytes_ += '\x89'; }
  void Global(absl::string_view module, absl::string_view name) {
    absl::StrAppend(&bytes_, "c", module, "\n", name, "\n");
  }
  void Text(absl::string_view text) {
    bytes_ += 'X';
    Append(static_cast<uint32_t>(text.size()));
    bytes_.append(text.data(), text.size());
  }
  void Integer(int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<int32_t>::max()) {
      bytes_ += 'J';
      Append(static_cast<uint32_t>(value));
      return;
    }
    bytes_ += "\x8a\x08";  // eight bytes of a long
    Append(static_cast<uint64_t>(value));
  }
  void Integers(at::IntArrayRef values) {
    Mark();
    for (const int64_t value : values) Integer(value);
    Tuple();
  }
  std::string Finish() && { return std::move(bytes_) + '.'; }

 private:
  template <typename T>
  void Append(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
    }
  }

  std::string bytes_;
};

std::vector<int64_t> DenseStrides(at::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i > 1; --i) {
    strides[i - 2] = strides[i - 1] * std::max<int64_t>(1, sizes[i - 1]);
  }
  return strides;
}

torch::ScalarType TypeInFile(const TensorToSave& entry) {
  return entry.tensor.is_floating_point() ? entry.dtype
                                          : entry.tensor.scalar_type();
}

// torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides,
// requires_grad, hooks), of the storage with this key.
absl::Status PickleTensorEntry(const TensorToSave& entry, size_t key,
                               PickleText& pickle) {
  ASSIGN_OR_RETURN(const absl::string_view storage,
                   StorageTypeName(TypeInFile(entry)));
  pickle.Text(entry.name);
  pickle.Global("torch._utils", "_rebuild_tensor_v2");
  pickle.Mark();
  pickle.Mark();
  pickle.Text("storage");
  pickle.Global("torch", storage);
  pickle.Text(absl::StrCat(key));
  pickle.Text("cpu");
  pickle.Integer(entry.tensor.numel());
  pickle.Tuple();
  pickle.PersistentId();
  pickle.Integer(0);
  pickle.Integers(entry.tensor.sizes());
  pickle.Integers(DenseStrides(entry.tensor.sizes()));
  pickle.False();
  pickle.Global("collections", "OrderedDict");
  pickle.EmptyTuple();
  pickle.Call();
  pickle.Tuple();
  pickle.Call();
  return absl::OkStatus();
}

absl::StatusOr<std::string> PickleOf(
    const std::vector<TensorToSave>& tensors,
    const std::optional<CkptProgress>& progress) {
  PickleText pickle;
  if (progress.has_value()) {
    pickle.EmptyDict();
    pickle.Mark();
    pickle.Text("state_dict");
  }
  pickle.EmptyDict();
  pickle.Mark();
  for (size_t key = 0; key < tensors.size(); ++key) {
    RETURN_IF_ERROR(PickleTensorEntry(tensors[key], key, pickle));
  }
  pickle.SetItems();
  if (progress.has_value()) {
    pickle.Text("epoch");
    pickle.Integer(progress->epoch);
    pickle.Text("global_step");
    pickle.Integer(progress->global_step);
    pickle.SetItems();
  }
  return std::move(pickle).Finish();
}

}  // namespace

absl::StatusOr<SavedFile> WriteTorchSave(
    const std::string& path, const std::vector<TensorToSave>& tensors,
    const std::optional<CkptProgress>& progress) {
  ASSIGN_OR_RETURN(const std::string pickle, PickleOf(tensors, progress));
  ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  absl::Status written;  // LibTorch's writer only knows that some bytes failed
  const auto write = [&](const void* data, size_t size) -> size_t {
    if (written.ok()) {
      written = file.Write({static_cast<const char*>(data), size});
    }
    return written.ok() ? size : 0;
  };
  const absl::Status archived = CatchTorch([&]() -> absl::Status {
    caffe2::serialize::PyTorchStreamWriter archive(write);
    archive.writeRecord("data.pkl", pickle.data(), pickle.size());
    for (size_t key = 0; key < tensors.size(); ++key) {
      const TensorToSave& entry = tensors[key];
      ASSIGN_OR_RETURN(
          const Tensor tensor,
          ToSavedType(entry.name, entry.tensor, TypeInFile(entry)));
      archive.writeRecord(absl::StrCat("data/", key), tensor.const_data_ptr(),
                          tensor.nbytes());
    }
    archive.writeEndOfFile();
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(written);
  RETURN_IF_ERROR(archived);
  return file.Commit();
}

}  // namespace atelier::trainer
