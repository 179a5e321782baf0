#include "trainer/checkpoint/safetensors_writer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/saved_type.h"
#include "trainer/tensor/dtype.h"

namespace atelier::trainer {
namespace {

// As the safetensors library pads: data begin on a multiple of 8.
constexpr size_t kHeaderAlignment = 8;

absl::Status CheckTypes(const std::vector<TensorToMake>& tensors) {
  for (const TensorToMake& entry : tensors) {
    if (!SafetensorsDtype(entry.dtype).empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", entry.name, "' is of type ", c10::toString(entry.dtype),
        ", which a safetensors file cannot hold"));
  }
  return absl::OkStatus();
}

void SortForFile(std::vector<TensorToMake>& tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorToMake& a, const TensorToMake& b) {
              const auto size_a = c10::elementSize(a.dtype);
              const auto size_b = c10::elementSize(b.dtype);
              return size_a != size_b ? size_a > size_b : a.name < b.name;
            });
}

absl::StatusOr<std::string> MakeHeader(
    const std::vector<TensorToMake>& tensors,
    const std::map<std::string, std::string>& metadata, int64_t& data_bytes) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const TensorToMake& entry : tensors) {
    if (header.contains(entry.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", entry.name, "' stands twice"));
    }
    const int64_t size = c10::multiply_integers(entry.shape) *
                         static_cast<int64_t>(c10::elementSize(entry.dtype));
    header[entry.name] = {{"dtype", std::string(SafetensorsDtype(entry.dtype))},
                          {"shape", entry.shape},
                          {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  data_bytes = offset;
  std::string text = header.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  const size_t rest = text.size() % kHeaderAlignment;
  if (rest != 0) text.append(kHeaderAlignment - rest, ' ');
  return text;
}

std::string LittleEndian(uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  }
  return bytes;
}

absl::StatusOr<Tensor> ToFileForm(const TensorToMake& entry) {
  ASSIGN_OR_RETURN(const Tensor made, entry.make());
  if (made.sizes() != at::IntArrayRef(entry.shape)) {
    return absl::InternalError(
        absl::StrCat("tensor '", entry.name, "' was made in another shape"));
  }
  return ToSavedType(entry.name, made, entry.dtype);
}

}  // namespace

absl::StatusOr<SavedFile> WriteSafetensorsLazily(
    const std::string& path, std::vector<TensorToMake> tensors,
    const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  RETURN_IF_ERROR(CheckTypes(tensors));
  SortForFile(tensors);
  int64_t data_bytes = 0;
  ASSIGN_OR_RETURN(const std::string header,
                   MakeHeader(tensors, metadata, data_bytes));
  const std::string length = LittleEndian(header.size());
  const auto head_bytes = static_cast<int64_t>(length.size() + header.size());
  ASSIGN_OR_RETURN(AtomicFile file,
                   AtomicFile::Create(path, head_bytes + data_bytes));
  RETURN_IF_ERROR(file.Write(length));
  RETURN_IF_ERROR(file.Write(header));
  for (const TensorToMake& entry : tensors) {
    ASSIGN_OR_RETURN(const Tensor bytes, ToFileForm(entry));
    RETURN_IF_ERROR(
        file.Write({static_cast<const char*>(bytes.const_data_ptr()),
                    static_cast<size_t>(bytes.nbytes())}));
  }
  return file.Commit();
}

absl::StatusOr<SavedFile> WriteSafetensors(
    const std::string& path, std::vector<TensorToSave> tensors,
    const std::map<std::string, std::string>& metadata) {
  std::vector<TensorToMake> list;
  for (const TensorToSave& entry : tensors) {
    const torch::ScalarType own = entry.tensor.scalar_type();
    list.push_back({entry.name, entry.tensor.sizes().vec(),
                    c10::isFloatingType(own) ? entry.dtype : own,
                    [tensor = entry.tensor] { return tensor; }});
  }
  return WriteSafetensorsLazily(path, std::move(list), metadata);
}

absl::StatusOr<SavedFile> WriteSafetensors(
    const std::string& path, const std::map<std::string, Tensor>& tensors,
    const std::map<std::string, std::string>& metadata) {
  std::vector<TensorToSave> list;
  for (const auto& [name, tensor] : tensors) {
    list.push_back({name, tensor, tensor.scalar_type()});
  }
  return WriteSafetensors(path, std::move(list), metadata);
}

}  // namespace atelier::trainer
