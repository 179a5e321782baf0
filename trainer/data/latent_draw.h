// Latents from the moments of an autoencoder's posterior.
//
// Letters: C latent channels, h and w latent cells.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// A sample of the posterior: mean + exp(log variance / 2) * noise, the log
// variance held in [-30, 20]. `index` tells draws of one image apart (a
// mirrored one takes 1). Shapes: moments [2C, h, w]; returns [C, h, w].
Tensor SampleMoments(const Tensor& moments, uint64_t seed, int64_t epoch,
                     int64_t image, uint32_t index = 0);

// Whether latents [C, h, w] can be a draw of these moments [2C, h, w], made by
// the same autoencoder, perhaps in half precision.
bool CanBeDrawnFrom(const Tensor& latents, const Tensor& moments);

}  // namespace atelier::trainer
