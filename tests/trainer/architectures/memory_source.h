// A checkpoint made of tensors in memory.
#pragma once

#include <map>
#include <string>

#include "absl/strings/str_cat.h"

#include "trainer/architectures/architecture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing {

class MemorySource : public CheckpointSource {
 public:
  explicit MemorySource(std::map<std::string, Tensor> tensors)
      : tensors_(std::move(tensors)) {
    for (const auto& [name, tensor] : tensors_) {
      index_[name] = {tensor.scalar_type(), tensor.sizes().vec(),
                      static_cast<int64_t>(tensor.nbytes())};
    }
  }

  const std::string& path() const override { return path_; }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return metadata_;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      return absl::NotFoundError(absl::StrCat("no tensor `", name, "`"));
    }
    return found->second;
  }
  absl::StatusOr<std::string> Digest() const override { return "none"; }

 private:
  std::map<std::string, Tensor> tensors_;
  TensorIndex index_;
  std::string path_ = "memory";
  std::map<std::string, std::string> metadata_;
};

// A main checkpoint alone. `source` outlives the result.
inline ModelSources SourcesOf(const CheckpointSource& source) {
  ModelSources sources;
  sources.main = &source;
  return sources;
}

}  // namespace atelier::trainer::testing
