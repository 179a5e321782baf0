#include "trainer/data/latent_draw.h"

#include "trainer/tensor/random_tensor.h"

namespace atelier::trainer {
namespace {

// Latents of another autoencoder differ from ours by about as much as they are
// large; those of the same one by their draw and by rounding.
constexpr double kMostDeviations = 4;
constexpr double kMostRelativeError = 0.3;

double RootMeanSquare(const Tensor& values) {
  return values.square().mean().sqrt().item<double>();
}

}  // namespace

Tensor SampleMoments(const Tensor& moments, uint64_t seed, int64_t epoch,
                     int64_t image, uint32_t index) {
  const std::vector<Tensor> parts = moments.chunk(2, 0);
  const Tensor deviation = (parts[1].clamp(-30, 20) * 0.5).exp();
  const BatchRng rng{seed, static_cast<uint64_t>(epoch),
                     static_cast<uint64_t>(image)};
  const Tensor noise = rng.Normal(RngPurpose::kLatentSample,
                                  parts[0].unsqueeze(0).sizes(), index)[0];
  return (parts[0] + deviation * noise).contiguous();
}

bool CanBeDrawnFrom(const Tensor& latents, const Tensor& moments) {
  const std::vector<Tensor> parts = moments.chunk(2, 0);
  if (latents.sizes() != parts[0].sizes()) return false;
  const double deviation =
      RootMeanSquare((parts[1].clamp(-30, 20) * 0.5).exp());
  return RootMeanSquare(latents - parts[0]) <=
         kMostDeviations * deviation +
             kMostRelativeError * RootMeanSquare(parts[0]);
}

}  // namespace atelier::trainer
