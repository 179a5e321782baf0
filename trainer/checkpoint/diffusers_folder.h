// A model in the Diffusers layout: a folder with model_index.json and a folder
// for each component.
//
//   FOLDER/unet/diffusion_pytorch_model.safetensors            one file, or
//   FOLDER/unet/diffusion_pytorch_model.safetensors.index.json its shards'
//   names, or FOLDER/text_encoder/model.fp16.safetensors                 the
//   fp16 variant where no other is
//
// `.bin` files (torch.save) stand in where a component has no safetensors.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// Tensors are named `component/name`. Components without weights (schedulers,
// tokenizers) are skipped, as is the safety checker, which no training needs.
class DiffusersFolder : public CheckpointSource {
 public:
  // Errors: NOT_FOUND for a folder without model_index.json and for missing
  // shards; INVALID_ARGUMENT for malformed JSON, pipeline classes that are not
  // known, components without weights, shard names that lead out of the folder.
  // Each names the file.
  static absl::StatusOr<std::unique_ptr<DiffusersFolder>> Open(
      const std::string& path);

  const std::string& path() const override { return path_; }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return metadata_;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override;
  // Over the names and digests of the weight files, in the order of their
  // names.
  absl::StatusOr<std::string> Digest() const override;

 private:
  explicit DiffusersFolder(std::string path) : path_(std::move(path)) {}
  absl::Status AddComponent(const std::string& component);
  absl::Status AddFile(const std::string& component, const std::string& file);

  std::string path_;
  TensorIndex index_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::unique_ptr<CheckpointSource>> files_;  // by name
  std::map<std::string, std::string> file_of_;  // tensor -> file
};

}  // namespace atelier::trainer
