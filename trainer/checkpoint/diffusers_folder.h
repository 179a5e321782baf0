// A model in the Diffusers layout: a folder with model_index.json and a folder
// for each component, whose weights are as in sharded_weights.h.
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
  // Whether the folder has a model_index.json.
  static bool LooksLikeOne(const std::string& path);

  // Errors: NOT_FOUND for a folder without model_index.json and for components
  // without weights; INVALID_ARGUMENT for malformed JSON and pipeline classes
  // that are not known; as OpenWeightFolder. Each names the file.
  static absl::StatusOr<std::unique_ptr<DiffusersFolder>> Open(
      const std::string& path);

  const std::string& path() const override { return path_; }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return metadata_;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override;
  // Over the names and digests of the components, in the order of their names.
  absl::StatusOr<std::string> Digest() const override;

 private:
  explicit DiffusersFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
  TensorIndex index_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::unique_ptr<CheckpointSource>> components_;
};

}  // namespace atelier::trainer
