// Names of the Diffusers layout and those of the original one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::sd3 {

// `from` + Diffusers' name -> `to` + the original name, for a transformer of
// `depth` blocks.
std::vector<KeyRule> DiffusersKeys(int64_t depth, const std::string& from = "",
                                   const std::string& to = "");

}  // namespace atelier::trainer::sd3
