// Lumina Image 2's text encoder and autoencoder against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/lumina2_model.h"
#include "tests/support/oracle.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/text/gemma2.h"

namespace atelier::trainer::testing {
namespace lumina2_oracle {

constexpr double kTextRel = 1e-4;
constexpr double kTextMax = 5e-4;

class LuminaText : public ::testing::TestWithParam<const char*> {
 protected:
  Model LoadForm() const {
    const std::string main = GetParam();
    return LoadModel(main, main == kTransformer ? AllFiles() : Components())
        .value();
  }

  std::map<std::string, Tensor> stored_ = LoadOracle("lumina/text.safetensors");
};

TEST_P(LuminaText, EncodesCaptionsBehindTheSystemPrompt) {
  Model model = LoadForm();
  const Conditioning conditioning = Encode(model, Prompts());
  EXPECT_TRUE(conditioning.context_mask.equal(stored_["mask"]));
  const Tensor out =
      conditioning.context * conditioning.context_mask.unsqueeze(-1);
  EXPECT_TENSOR_NEAR(out.slice(0, 0, stored_["out"].size(0)), stored_["out"],
                     kTextRel, kTextMax);
  EXPECT_TENSOR_NEAR(out.mean(-1), stored_["out_row_mean"], kTextRel, kTextMax);
}

TEST_P(LuminaText, EncodesNegativePromptsWithoutIt) {
  const torch::NoGradGuard no_gradients;
  Model model = LoadForm();
  const EncodedText negative =
      model.conditioner->EncodeNegative(Prompts(), EncoderChoice::kAll);
  EXPECT_TRUE(negative[1].equal(stored_["mask_no_system"]));
  auto& gemma = dynamic_cast<Gemma2Impl&>(
      *model.conditioner->TextEncoders().front().module);
  EXPECT_TRUE(negative[0].equal(
      gemma.forward(stored_["ids_no_system"], stored_["mask_no_system"])));
}

INSTANTIATE_TEST_SUITE_P(Forms, LuminaText,
                         ::testing::Values(kTransformer, kAllInOne,
                                           kDiffusers));

// The model gives the input of its last layer; with one more layer, which is
// not run, that is the output of the checkpoint's last.
TEST(LuminaGemma, TheLastLayerAndTheFinalNormAreAsInTheReference) {
  const torch::NoGradGuard no_gradients;
  auto stored = LoadOracle("lumina/text.safetensors");
  const auto source =
      OpenCheckpoint(OraclePath("lumina/gemma2.safetensors")).value();
  auto config = Gemma2Config::FromIndex(source->index(), "model.").value();
  StateLoadOptions load;
  load.prefix = "model.";
  load.may_miss = {"layers." + std::to_string(config.layers) + ".*"};
  ++config.layers;
  Gemma2 encoder(config);
  const auto loaded = LoadState(*source, load, *encoder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const int64_t rows = stored["last_normed"].size(0);
  const Tensor mask = stored["mask"].slice(0, 0, rows);
  const Tensor last =
      encoder->norm(encoder(stored["ids"].slice(0, 0, rows), mask));
  EXPECT_TENSOR_NEAR(last * mask.unsqueeze(-1),
                     stored["last_normed"] * mask.unsqueeze(-1), kTextRel,
                     kTextMax);
}

// Without the soft capping of attention the states are others: the comparison
// above would notice it missing.
TEST(LuminaGemma, TheReferenceTellsSoftCapping) {
  auto stored = LoadOracle("lumina/text.safetensors");
  const Tensor without = stored["out_no_softcap"];
  const Tensor with = stored["out"].slice(0, 0, without.size(0));
  EXPECT_GT(((with - without).norm() / with.norm()).item<double>(), 1e-3);
}

class LuminaVae : public ::testing::TestWithParam<const char*> {};

TEST_P(LuminaVae, EncodesAndDecodesLikeTheReference) {
  const torch::NoGradGuard no_gradients;
  auto stored = LoadOracle("lumina/vae.safetensors");
  const std::string main = GetParam();
  const Model model =
      LoadModel(main, main == kTransformer ? AllFiles() : Components()).value();
  for (const std::string image : {"img0.", "img1."}) {
    const Tensor pixels =
        stored[image + "pixels_u8"].to(torch::kFloat32) / 127.5 - 1;
    const Tensor moments = model.vae->Moments(pixels);
    EXPECT_TENSOR_NEAR(moments, stored[image + "moments"], kTextRel, kTextMax);
    const Tensor drawn =
        AutoencoderKl::SamplePosterior(moments, stored[image + "eps"]);
    EXPECT_TENSOR_NEAR(model.vae->Scale(drawn), stored[image + "latents"],
                       kTextRel, kTextMax);
    EXPECT_TENSOR_NEAR(model.vae->Scale(AutoencoderKl::PosteriorMode(moments)),
                       stored[image + "latents_mode"], kTextRel, kTextMax);
    EXPECT_TENSOR_NEAR(model.vae->Decode(stored[image + "latents"]),
                       stored[image + "decoded"], kTextRel, kTextMax);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, LuminaVae,
                         ::testing::Values(kTransformer, kAllInOne,
                                           kDiffusers));

}  // namespace lumina2_oracle
}  // namespace atelier::trainer::testing
