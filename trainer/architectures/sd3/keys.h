// Names of the Diffusers layout and those of the original one.
#pragma once

#include "trainer/architectures/sd3/config.h"
#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::sd3 {

// Diffusers -> original, for a transformer of `depth` blocks.
std::vector<KeyRule> DiffusersKeys(int64_t depth);

}  // namespace atelier::trainer::sd3
