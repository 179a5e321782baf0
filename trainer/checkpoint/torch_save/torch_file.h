// What torch.save wrote: a `.ckpt`, `.pt` or `.bin` file, read without running
// anything from it.
//
//   zip form (PyTorch 1.6 and later)   NAME/data.pkl, NAME/data/KEY for each
//   storage legacy form                        four pickles (magic, version,
//   system, object), the list of
//                                      storage keys, then for each: number of
//                                      elements, contents
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/torch_save/pickle_value.h"

namespace atelier::trainer {

// The tensors of the dictionary in the file, or of its "state_dict" where it
// has one. Entries that are no tensors (epoch, global_step, optimizer states)
// are left out. Tensors are views of the mapped file, as in SafetensorsFile.
class TorchFile : public CheckpointSource {
 public:
  // Whether a file's first bytes are those of either form (or of any other zip
  // or pickle).
  static bool LooksLikeOne(absl::string_view head);

  // Errors: INVALID_ARGUMENT naming the file and what is wrong with it, for
  // files that are malformed, cut off, hold no dictionary of tensors, or want
  // to call anything.
  static absl::StatusOr<std::unique_ptr<TorchFile>> Open(
      std::shared_ptr<const MappedFile> file);

  const std::string& path() const override { return file_->path(); }
  const TensorIndex& index() const override { return index_; }
  const std::map<std::string, std::string>& metadata() const override {
    return metadata_;
  }
  absl::StatusOr<Tensor> Read(const std::string& name) const override;
  absl::StatusOr<std::string> Digest() const override;

 private:
  // Where a storage's contents are in the file.
  struct Place {
    int64_t begin = 0;
    int64_t size_bytes = 0;
  };

  explicit TorchFile(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)) {}
  absl::Status ReadZip();
  absl::Status ReadLegacy();
  absl::Status TakeTensors(PickleId top);
  absl::Status AddTensor(const std::string& name, const PickleTensor& tensor);

  std::shared_ptr<const MappedFile> file_;
  PickleArena arena_;
  std::map<std::string, Place> places_;  // by storage key
  std::map<std::string, PickleTensor> tensors_;
  TensorIndex index_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace atelier::trainer
