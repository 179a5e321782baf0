// sd-scripts' files of what text encoders make of a caption.
//
//   STEM<suffix>     beside the image, of its caption as it was written
//
// Which arrays there are is the encoders' matter. sd-scripts does not say of
// which caption or encoders a file is. Those that are written here do, in the
// comment of the archive, which sd-scripts ignores:
//
//   atelier text <SHA-256 of the caption> <digest of the encoders>
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/fixed_captions.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct TextNpzFormat {
  using Arrays = std::map<std::string, Tensor>;

  std::string suffix;  // `_te_outputs.npz`
  // Rows [1, ...] in the encoders' places; FAILED_PRECONDITION for arrays that
  // do not fit.
  std::function<absl::StatusOr<std::vector<Tensor>>(const Arrays& arrays,
                                                    const std::string& caption)>
      from_arrays;
  // The reverse; empty where not all is there that a file holds.
  std::function<Arrays(const std::vector<Tensor>& rows,
                       const std::string& caption)>
      to_arrays;
};

std::string TextNpzPath(const TextNpzFormat& format, const std::string& image);

struct NpzText {
  std::vector<Tensor> rows;
  // The file says that they are of this caption and these encoders; otherwise
  // they are taken on trust.
  bool is_proven = false;
};

// Outputs for a caption from the files of its images, the first that fits.
// Unless `skip_check` is set, a file that proves nothing must not be older than
// the caption's, which must be known.
//
// Errors: NOT_FOUND where there is none, or where it is proven to be another's;
// DATA_LOSS for a damaged file and FAILED_PRECONDITION for one that does not
// fit, naming it.
absl::StatusOr<NpzText> ReadTextNpz(const TextNpzFormat& format,
                                    const FixedCaption& caption,
                                    const std::string& encoders,
                                    bool skip_check);

// Writes the file of each of the caption's images; says whether that was
// possible. Errors: as WriteNpz.
absl::StatusOr<bool> WriteTextNpz(const TextNpzFormat& format,
                                  const FixedCaption& caption,
                                  const std::string& encoders,
                                  const std::vector<Tensor>& rows);

}  // namespace atelier::trainer
