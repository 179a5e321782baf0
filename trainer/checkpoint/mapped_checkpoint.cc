#include "trainer/checkpoint/mapped_checkpoint.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

class MappedCheckpoint : public CheckpointSource {
 public:
  MappedCheckpoint(const CheckpointSource& source, KeyMap::Plan plan,
                   KeyMap::Direction direction)
      : source_(source), plan_(std::move(plan)), direction_(direction) {}

  // Shapes come from running the operations on tensors without contents.
  absl::Status MakeIndex() {
    for (const auto& [target, pieces] : plan_.targets) {
      std::vector<Tensor> tensors;
      for (const KeyMap::Piece& piece : pieces) {
        const TensorInfo& info = source_.index().at(piece.source);
        tensors.push_back(torch::empty(
            info.shape,
            torch::TensorOptions().dtype(info.dtype).device(torch::kMeta)));
      }
      ASSIGN_OR_RETURN(const Tensor result,
                       AssembleTensor(target, pieces, tensors, direction_));
      index_[target] = {result.scalar_type(), result.sizes().vec(),
                        static_cast<int64_t>(result.nbytes())};
    }
    return absl::OkStatus();
  }

  const std::string& path() const override { return source_.path(); }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return source_.metadata();
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override {
    const auto found = plan_.targets.find(name);
    if (found == plan_.targets.end()) {
      return absl::NotFoundError(
          absl::StrCat("no tensor '", name, "' in ", path()));
    }
    std::vector<Tensor> tensors;
    for (const KeyMap::Piece& piece : found->second) {
      ASSIGN_OR_RETURN(Tensor tensor, source_.Read(piece.source));
      tensors.push_back(std::move(tensor));
    }
    return AssembleTensor(name, found->second, tensors, direction_);
  }
  absl::StatusOr<std::string> Digest() const override {
    return source_.Digest();
  }

 private:
  const CheckpointSource& source_;
  KeyMap::Plan plan_;
  KeyMap::Direction direction_;
  TensorIndex index_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointSource>> MapCheckpoint(
    const CheckpointSource& source, const KeyMap& map,
    KeyMap::Direction direction) {
  std::vector<std::string> names;
  for (const auto& [name, info] : source.index()) names.push_back(name);
  auto plan = map.MakePlan(names, direction);
  if (!plan.ok()) {
    return AddLocation(AddContext(plan.status(), source.path()));
  }
  auto mapped =
      std::make_unique<MappedCheckpoint>(source, *std::move(plan), direction);
  if (absl::Status status = mapped->MakeIndex(); !status.ok()) {
    return AddLocation(AddContext(status, source.path()));
  }
  return mapped;
}

}  // namespace atelier::trainer
