// The weights of one network as Diffusers and Transformers save them: one file,
// or shards and an index of which tensor stands in which.
//
//   FOLDER/config.json
//   FOLDER/model.safetensors                      one file, or
//   FOLDER/model.safetensors.index.json           {"weight_map": {tensor:
//   file}} FOLDER/model-00001-of-00002.safetensors
//   FOLDER/model-00002-of-00002.safetensors
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// Several files seen as one checkpoint. Tensors have their own names.
class ShardedWeights : public CheckpointSource {
 public:
  // The files that an index lists, all beside it.
  //
  // Errors: NOT_FOUND for a missing shard; INVALID_ARGUMENT for malformed JSON,
  // shard names that lead out of the folder, tensors that stand in two shards
  // or not where the index places them. Each names the file.
  static absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenIndex(
      const std::string& index_path);
  // All shards of the one at `path`, through the index beside it, or by their
  // numbers where there is none.
  //
  // Errors: as above.
  static absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenShard(
      const std::string& path);

  const std::string& path() const override { return path_; }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return metadata_;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override;
  // Over the names and digests of the shards, in the order of their names.
  absl::StatusOr<std::string> Digest() const override;

 private:
  // Names of files beside the index, with the tensors that must be in each.
  using Shards = std::map<std::string, std::set<std::string>>;

  explicit ShardedWeights(std::string path) : path_(std::move(path)) {}
  absl::Status AddShards(const Shards& shards, const std::string& listed_in);
  absl::Status AddShard(const std::string& path, const std::string& name);

  std::string path_;
  TensorIndex index_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::unique_ptr<CheckpointSource>> files_;  // by name
  std::map<std::string, std::string> file_of_;  // tensor -> file
};

// Whether the file's name says that it is an index of shards,
// `model.safetensors.index.json`, or one of several shards,
// `model-00001-of-00002.safetensors`.
bool IsShardIndexName(const std::string& path);
bool IsShardName(const std::string& path);

// The weights in a folder: the first that is there of
// diffusion_pytorch_model.safetensors, model.safetensors, their indices, their
// fp16 variants, and `.bin` files of torch.save.
//
// Errors: as OpenIndex; NOT_FOUND where there are none.
absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenWeightFolder(
    const std::string& folder);
bool HasWeights(const std::string& folder);

}  // namespace atelier::trainer
