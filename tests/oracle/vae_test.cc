// The autoencoder against the reference, from each form of checkpoint.
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/vae/load_autoencoder.h"

namespace atelier::trainer::testing {
namespace {

constexpr double kVaeRel = 1e-4;
constexpr double kVaeMax = 5e-4;

struct VaeCase {
  std::string file;      // with the autoencoder in it
  std::string expected;  // folder of vae.safetensors
  LatentScaling scaling;
};

class VaeOracle : public ::testing::TestWithParam<VaeCase> {
 protected:
  void SetUp() override {
    const auto source = OpenCheckpoint(OraclePath(GetParam().file)).value();
    vae_ = LoadAutoencoder(*source, GetParam().scaling).value().vae;
    expected_ = LoadOracle(GetParam().expected + "/vae.safetensors");
  }

  std::shared_ptr<AutoencoderKl> vae_;
  std::map<std::string, Tensor> expected_;
};

TEST_P(VaeOracle, EncodesAndDecodesBothImages) {
  const torch::NoGradGuard no_gradients;
  for (const std::string image : {"img0.", "img1."}) {
    const Tensor pixels =
        expected_[image + "pixels_u8"].to(torch::kFloat32) / 127.5 - 1;
    const Tensor moments = vae_->Moments(pixels);
    EXPECT_TENSOR_NEAR(moments, expected_[image + "moments"], kVaeRel, kVaeMax);
    const Tensor drawn =
        AutoencoderKl::SamplePosterior(moments, expected_[image + "eps"]);
    EXPECT_TENSOR_NEAR(vae_->Scale(drawn), expected_[image + "latents"],
                       kVaeRel, kVaeMax);
    EXPECT_TENSOR_NEAR(vae_->Scale(AutoencoderKl::PosteriorMode(moments)),
                       expected_[image + "latents_mode"], kVaeRel, kVaeMax);
    EXPECT_TENSOR_NEAR(vae_->Decode(expected_[image + "latents"]),
                       expected_[image + "decoded"], kVaeRel, kVaeMax);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, VaeOracle,
    ::testing::Values(
        VaeCase{"sd1/sd1.safetensors", "sd1", {0.18215, 0}},
        VaeCase{"sd1/diffusers", "sd1", {0.18215, 0}},
        VaeCase{"sd1/diffusers/vae/diffusion_pytorch_model.safetensors",
                "sd1",
                {0.18215, 0}},
        VaeCase{"sd2/sd2_768v.safetensors", "sd2", {0.18215, 0}},
        VaeCase{"sd2/diffusers", "sd2", {0.18215, 0}},
        VaeCase{"sdxl/sdxl.safetensors", "sdxl", {0.13025, 0}},
        VaeCase{"sdxl/diffusers", "sdxl", {0.13025, 0}},
        // Without quant_conv, alone in its file.
        VaeCase{"sd3/sd3_medium_incl_clips_t5xxl.safetensors",
                "sd3",
                {1.5305, 0.0609}},
        VaeCase{"sd3/diffusers", "sd3", {1.5305, 0.0609}},
        VaeCase{"flux/ae.safetensors", "flux", {0.3611, 0.1159}}));

}  // namespace
}  // namespace atelier::trainer::testing
