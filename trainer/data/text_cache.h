// Outputs of text encoders for every caption of a dataset, encoded once before
// training, in memory and optionally on disk.
//
//   FOLDER/DIGEST.safetensors     tensors `0`, `1`, … of one caption; their
//                                 places, undefined ones too, are counted in
//                                 the metadata
//
// DIGEST covers the caption's bytes and everything else that the outputs depend
// on, so an entry cannot go stale.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/data/dataset_index.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The encoders: row b of each tensor belongs to caption b; places may be
// undefined.
using EncodeCaptions = std::function<absl::StatusOr<std::vector<Tensor>>(
    absl::Span<const std::string> captions)>;

struct TextCacheOptions {
  int batch_size = 1;
  bool to_disk = false;
  // Part of every file's name: digest of encoders and of the options they read.
  std::string encoder_digest;
  // Called after each batch; a status that is not OK ends the caching with it.
  std::function<absl::Status(int64_t done, int64_t total)> progress;
};

struct TextCacheReport {
  int64_t encoded = 0;
  int64_t read_from_disk = 0;
  std::vector<std::string> warnings;
};

// A caption as the encoders will see it, and the folder for its file.
struct FixedCaption {
  std::string text;
  std::string folder;  // `.atelier_text` beside the first image that has it
};

// Every caption that training on this dataset can ask for, each once; the empty
// one is among them where captions are dropped.
//
// Errors: INVALID_ARGUMENT naming the subset and the option that makes its
// captions change from step to step.
absl::StatusOr<std::vector<FixedCaption>> FixedCaptions(
    const DatasetIndex& index);

class TextCache {
 public:
  // Encodes what is not on disk. Memory: all outputs, as the encoders give
  // them, on the CPU.
  //
  // Errors: UNAVAILABLE and RESOURCE_EXHAUSTED where files cannot be written;
  // OUT_OF_RANGE naming a caption whose outputs are not finite; what `encode`
  // and `progress` returned.
  static absl::StatusOr<std::unique_ptr<TextCache>> Make(
      const std::vector<FixedCaption>& captions,
      const TextCacheOptions& options, const EncodeCaptions& encode);

  // The rows of these captions, on the CPU. Each must be one of those given to
  // Make. Threads: any.
  std::vector<Tensor> Rows(absl::Span<const std::string> captions) const;
  const TextCacheReport& report() const { return report_; }

 private:
  friend class TextCaching;
  TextCache() = default;

  std::map<std::string, std::vector<Tensor>> rows_;  // each [1, ...]
  TextCacheReport report_;
};

}  // namespace atelier::trainer
