// Names of a CLIP text encoder in the Hugging Face layout, which the modules
// here have, to those of OpenCLIP, which single files of Stable Diffusion 2 and
// XL hold.
//
// Source: OpenCLIP, class CLIP. It projects the pooled vector as x P; a linear
// layer computes x W^T, so W is the transpose of P.
#pragma once

#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/key_rule.h"
#include "trainer/text/clip_text_model.h"

namespace atelier::trainer {

// `from` + `text_model.…` -> `to` + OpenCLIP's name; without `text_model.`
// where `is_bare`. q, k and v become the rows of one tensor. The row of
// `text_projection.weight` is there too.
std::vector<KeyRule> OpenClipKeys(const std::string& from,
                                  const std::string& to, bool is_bare = false);

// Sizes of the encoder whose OpenCLIP names begin with `prefix`, as
// ReadClipTextConfig; all OpenCLIP models use the exact GELU.
ClipTextConfig ReadOpenClipConfig(const TensorIndex& index,
                                  const std::string& prefix);

}  // namespace atelier::trainer
