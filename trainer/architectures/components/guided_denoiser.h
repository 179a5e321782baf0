// A denoiser with classifier-free guidance: its output is led away from that of
// the negative prompt.
//
// Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022.
#pragma once

#include "trainer/architectures/architecture.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Shapes: x and results [1, C, h, w]; results are fp32.
class GuidedDenoiser {
 public:
  // `denoiser` must outlive this. Reads the conditioning and cfg_scale of the
  // request.
  GuidedDenoiser(Denoiser& denoiser, const PreviewRequest& request,
                 torch::Device device);

  // False for a scale of 1 and without a negative prompt.
  bool is_guided() const { return negative_.context.defined(); }

  struct Outputs {
    Tensor guided;
    Tensor positive;  // of the prompt alone
  };
  // Both are the prompt's own without guidance.
  Outputs Run(const Tensor& x, double timestep) const;
  // Of the prompt alone.
  Tensor RunPositive(const Tensor& x, double timestep) const;

 private:
  Tensor RunWith(const Tensor& x, double timestep,
                 const Conditioning& conditioning) const;

  Denoiser& denoiser_;
  double scale_;
  Conditioning positive_;
  Conditioning negative_;  // undefined without guidance
  Conditioning both_;      // undefined where their contexts differ in length
};

}  // namespace atelier::trainer
