// Copies a checkpoint's tensors into a module's parameters and buffers.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/key_rule.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct StateLoadOptions {
  // What is loaded, for messages: `the U-Net`.
  std::string what = "the model";
  // Only names that begin with this are looked at, and it is taken off:
  // `model.diffusion_model.`.
  std::string prefix;
  // Applied to what is left of the name; null where the module has the
  // checkpoint's own names.
  const KeyMap* keys = nullptr;
  KeyMap::Direction direction = KeyMap::Direction::kForward;
  // Patterns (as in key_rule.h) of module names that the checkpoint may lack;
  // they keep their values.
  std::vector<std::string> may_miss;
  // Weights keep bf16 and fp16 where the checkpoint has them in these (fp8
  // becomes bf16, which holds all of it); whoever uses the module brings them
  // to the type that is needed. Buffers are not meant.
  bool keeps_types = false;
  // Patterns of checkpoint names, without the prefix, that are left alone:
  // `logit_scale`.
  std::vector<std::string> may_ignore;
};

struct StateLoadResult {
  // Names in the source, prefix included, whose tensors the module now holds.
  std::vector<std::string> loaded;
};

// A parameter or buffer on the CPU of the type and layout that the checkpoint
// has becomes a view of the mapped file: nothing is copied. Others are
// converted to the type they have in the module (fp32 unless it was made
// otherwise), one at a time. Either way the file's pages are given back as they
// were looked at, so that memory grows by what was converted only. Gradients
// stay off.
//
// Errors: INVALID_ARGUMENT with every missing, unexpected and misshapen name,
// the first twenty of each and their number; DATA_LOSS naming weights that are
// not finite. Nothing is copied unless all names and shapes fit.
absl::StatusOr<StateLoadResult> LoadState(const CheckpointSource& source,
                                          const StateLoadOptions& options,
                                          torch::nn::Module& module);

}  // namespace atelier::trainer
