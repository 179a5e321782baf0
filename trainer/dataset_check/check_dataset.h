// Looks at a dataset as training would, without training: the description, the
// scan, the buckets and the tokenizers are those of a run with these options.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace atelier::v1 {
class JobSpec;
}

namespace atelier::trainer {

struct DatasetCheckOptions {
  std::string picture_dir;  // empty: no pictures
  // Read headers alone: broken pixels and images that look alike stay unseen.
  bool is_quick = false;
  std::string tokenizer_dir;
  // Called while images are scanned and decoded; a status that is not OK ends
  // the check with it.
  std::function<absl::Status(const std::string& phase, int64_t done,
                             int64_t total)>
      progress;
};

// The report as one line of JSON (report_json.h). Broken files are in it; they
// are no error as long as one image is left. Of the spec the architecture and
// the options are read; no model need be named.
//
// Errors: NOT_FOUND and INVALID_ARGUMENT for a description that cannot be
// trained on; those of DrawPictures; what `progress` returned; INTERNAL for
// anything that LibTorch threw.
absl::StatusOr<std::string> CheckDataset(const v1::JobSpec& spec,
                                         const DatasetCheckOptions& options);

}  // namespace atelier::trainer
