// Loads a CLIP text encoder in the names of its Hugging Face checkpoint.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/components/find_component.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/clip_tokenizer.h"

namespace atelier::trainer {

// A ClipTextModel with its projection. Parameters: `text_model.…` and, where
// there is one, `text_projection.weight`.
class ClipTextEncoder : public ClipTextModel {
 public:
  ClipTextEncoder(const ClipTextConfig& config, int64_t projection_width);

  // x W^T; x itself without a projection. Shapes: pooled [B, C] -> [B, P].
  Tensor Project(const Tensor& pooled);
  bool has_projection() const { return !text_projection_.is_empty(); }
  // P; C without a projection.
  int64_t pooled_width() const;

 private:
  Linear text_projection_{nullptr};
};

struct ClipLoadOptions {
  ComponentPlace place;
  bool quick_gelu = true;
  // What a checkpoint with `text_projection.weight` is asked for. Without one
  // the projection is the identity.
  bool wants_projection = false;
};

struct LoadedClip {
  std::shared_ptr<ClipTextEncoder> encoder;
  FoundComponent found;
  // Names in the source that were read, prefix included.
  std::vector<std::string> loaded;
  // The type on disk by the parameter's name, `text_model.…`.
  std::map<std::string, torch::ScalarType> dtypes;
  // What the source has beside: position ids, logit_scale, a projection that
  // was not wanted. By the name after the prefix, with `text_model.`; copies.
  std::map<std::string, Tensor> untouched;
};

// A place for CLIP whose names begin with one of `prefixes`, with or without
// `text_model.`; adds what files of its own have.
ComponentPlace ClipPlace(const std::string& what, const std::string& option,
                         std::vector<std::string> prefixes);

// Errors: as FindComponent; INVALID_ARGUMENT with every name that is missing,
// unexpected or misshapen, and for widths that are no multiple of 64;
// DATA_LOSS for weights that are not finite.
absl::StatusOr<LoadedClip> LoadClip(const ModelSources& sources,
                                    const ClipLoadOptions& options);

// Errors: INVALID_ARGUMENT for a width that is no multiple of a head's.
absl::Status CheckClipWidth(const LoadedClip& clip, const std::string& what);

// Errors: INVALID_ARGUMENT for an encoder that knows fewer tokens than its
// tokenizer.
absl::Status CheckVocabulary(const LoadedClip& clip,
                             const ClipTokenizer& tokenizer);

// tokenizer_dir's CLIP vocabulary, as unpacked or as published.
//
// Errors: NOT_FOUND naming what is expected; INVALID_ARGUMENT for files that do
// not fit.
absl::StatusOr<std::unique_ptr<ClipTokenizer>> OpenClipTokenizer(
    const std::string& tokenizer_dir);

}  // namespace atelier::trainer
