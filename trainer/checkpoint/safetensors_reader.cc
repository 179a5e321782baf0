#include "trainer/checkpoint/safetensors_reader.h"

#include <cstring>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_tensor.h"

namespace atelier::trainer {

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(
    const std::string& path) {
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  return Open(std::move(file));
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(
    std::shared_ptr<const MappedFile> file) {
  auto header = ReadSafetensorsHeader(file->bytes());
  if (!header.ok()) {
    return AddLocation(AddContext(
        header.status(),
        absl::StrCat(file->path(), " is not a valid safetensors file")));
  }
  return std::unique_ptr<SafetensorsFile>(
      new SafetensorsFile(std::move(file), *std::move(header)));
}

absl::StatusOr<Tensor> SafetensorsFile::Read(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    return absl::NotFoundError(
        absl::StrCat("no tensor '", name, "' in ", path()));
  }
  const TensorInfo& info = found->second;
  const auto options = torch::TensorOptions().dtype(info.dtype);
  if (info.size_bytes == 0) return torch::empty(info.shape, options);
  const char* data = file_->bytes().data() + header_.begin.at(name);
  const auto address = reinterpret_cast<uintptr_t>(data);
  if (address % c10::elementSize(info.dtype) != 0) {
    Tensor copy = torch::empty(info.shape, options);
    std::memcpy(copy.data_ptr(), data, static_cast<size_t>(info.size_bytes));
    return copy;
  }
  return MapTensor(file_, header_.begin.at(name), info.shape,
                   c10::contiguous_strides(info.shape), info.dtype);
}

absl::StatusOr<std::string> SafetensorsFile::Digest() const {
  return file_->Digest();
}

absl::StatusOr<std::map<std::string, Tensor>> ReadSafetensors(
    const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(path));
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, info] : file->index()) {
    ASSIGN_OR_RETURN(const Tensor view, file->Read(name));
    tensors[name] = view.clone();
  }
  return tensors;
}

}  // namespace atelier::trainer
