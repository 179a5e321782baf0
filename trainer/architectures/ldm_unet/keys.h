// Names of the U-Net in the Diffusers layout to those of the original.
#pragma once

#include <string>
#include <vector>

#include "trainer/architectures/ldm_unet/config.h"
#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer {

// Rows for a network of this family: `from` + Diffusers' name -> `to` + the
// original name.
std::vector<KeyRule> LdmUnetDiffusersKeys(const LdmUnetFamily& family,
                                          const std::string& from,
                                          const std::string& to);

}  // namespace atelier::trainer
