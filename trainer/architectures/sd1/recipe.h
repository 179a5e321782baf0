// The objective of Stable Diffusion 1.x.
#pragma once

#include <memory>

#include "trainer/architectures/architecture.h"
#include "trainer/diffusion/options.h"

namespace atelier::trainer::sd1 {

// Noise prediction over the scaled-linear schedule, 4 latent channels; the
// prediction type of the options is honoured for checkpoints tuned otherwise.
std::unique_ptr<Recipe> MakeRecipe(const DiffusionOptions& options);

}  // namespace atelier::trainer::sd1
