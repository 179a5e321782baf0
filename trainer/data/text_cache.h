// Outputs of text encoders for every caption of a dataset, encoded once before
// training, in memory and optionally on disk.
//
// Files on disk are our own (text_file.h), or sd-scripts' where the encoders
// have such a file and a caption is encoded as it was written (text_npz.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/data/fixed_captions.h"
#include "trainer/data/text_npz.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The encoders: row b of each tensor belongs to caption b; places may be
// undefined.
using EncodeCaptions = std::function<absl::StatusOr<std::vector<Tensor>>(
    absl::Span<const std::string> captions)>;

struct TextCacheOptions {
  int batch_size = 1;
  bool to_disk = false;
  // sd-scripts' files, which are reused where they fit; none: the encoders have
  // none. Those that do not say which encoders made them are compared with
  // these for one caption, unless skip_check is set.
  std::optional<TextNpzFormat> npz;
  bool writes_npz = false;  // in place of our own where that is possible
  bool skip_check = false;
  // Part of every file's name: digest of encoders and of the options they read.
  std::string encoder_digest;
  // Called after each batch; a status that is not OK ends the caching with it.
  std::function<absl::Status(int64_t done, int64_t total)> progress;
};

struct TextCacheReport {
  int64_t encoded = 0;
  int64_t read_from_disk = 0;  // those of npz files among them
  int64_t read_from_npz = 0;
  int64_t taken_on_trust = 0;  // from npz files that do not name their caption
  std::vector<std::string> warnings;
};

// One row after another: `rows` has the outputs for each caption, each defined
// tensor [1, ...]; a place that is undefined in all of them stays so.
std::vector<Tensor> JoinTextRows(
    absl::Span<const std::vector<Tensor>* const> rows);

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
