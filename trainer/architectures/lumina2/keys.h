// Names of the Diffusers layout and those of the original one.
#pragma once

#include "trainer/architectures/lumina2/config.h"
#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::lumina2 {

// Diffusers -> original. Keys and values have `heads / key_value_heads` times
// fewer rows than queries.
std::vector<KeyRule> DiffusersKeys(const NextDitConfig& config);

}  // namespace atelier::trainer::lumina2
