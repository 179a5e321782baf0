// Names of the autoencoder in the Diffusers layout to those of the original.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer {

// Rows for an autoencoder of so many levels: `from` + Diffusers' name -> `to` +
// the original name. The attention layers of Diffusers are linear, also under
// the older names `query`, `key`, `value` and `proj_attn`.
std::vector<KeyRule> AutoencoderDiffusersKeys(int64_t levels,
                                              const std::string& from,
                                              const std::string& to);

}  // namespace atelier::trainer
