// Names of the Diffusers layout and those of the original one.
#pragma once

#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::flux {

// Diffusers -> original.
std::vector<KeyRule> DiffusersKeys();

}  // namespace atelier::trainer::flux
