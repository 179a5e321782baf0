// A safetensors file, mapped into memory.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/safetensors_header.h"

namespace atelier::trainer {

// Threads: any. Tensors are views of the mapping and keep it alive; those that
// do not stand on a multiple of their element size are copies.
class SafetensorsFile : public CheckpointSource {
 public:
  // A file without tensors is valid here; OpenCheckpoint refuses it.
  //
  // Errors: as MappedFile::Open and ReadSafetensorsHeader, naming the file.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(
      const std::string& path);
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(
      std::shared_ptr<const MappedFile> file);

  const std::string& path() const override { return file_->path(); }
  const TensorIndex& index() const override { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const override {
    return header_.metadata;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override;
  absl::StatusOr<std::string> Digest() const override;

 private:
  SafetensorsFile(std::shared_ptr<const MappedFile> file,
                  SafetensorsHeader header)
      : file_(std::move(file)), header_(std::move(header)) {}

  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
};

// The file's tensors, copied into memory of their own. For small files that are
// read whole.
absl::StatusOr<std::map<std::string, Tensor>> ReadSafetensors(
    const std::string& path);

}  // namespace atelier::trainer
