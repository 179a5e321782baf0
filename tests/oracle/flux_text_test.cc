// FLUX.1's text encoders and autoencoder against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/flux_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/text/clip_prompt.h"
#include "trainer/text/sentencepiece_tokenizer.h"

namespace atelier::trainer::testing {
namespace flux_oracle {

constexpr double kTextRel = 1e-4;
constexpr double kTextMax = 5e-4;

class FluxText : public ::testing::Test {
 protected:
  std::map<std::string, Tensor> stored_ = LoadOracle("flux/text.safetensors");
};

TEST_F(FluxText, ClipTokenizesLikeTheReference) {
  const auto tokenizer = OpenClipTokenizer(OraclePath(kDiffusers)).value();
  ClipPromptOptions options;
  options.pad = tokenizer->end();
  const Tensor ids =
      ClipPromptIds(*tokenizer, Prompts(), options).flatten(0, 1);
  EXPECT_TRUE(ids.equal(stored_["clip.ids"]));
  EXPECT_TRUE(ClipTextModel::MaskToEnd(ids, tokenizer->end())
                  .to(torch::kInt64)
                  .equal(stored_["clip.mask"]));
}

TEST_F(FluxText, T5TokenizesLikeTheReference) {
  const auto tokenizer =
      SentencePieceTokenizer::Open(
          OraclePath("flux/diffusers/tokenizer_2/spiece.model"))
          .value();
  const auto usual =
      EncodeRows(*tokenizer, Prompts(), T5Frame(stored_["t5.ids"].size(1)));
  EXPECT_TRUE(usual.ids.equal(stored_["t5.ids"]));
  EXPECT_TRUE(usual.mask.equal(stored_["t5.mask"]));
  const auto longest = EncodeRows(*tokenizer, Prompts(), T5Frame(512));
  EXPECT_TRUE(longest.ids.equal(stored_["t5.ids512"]));
  EXPECT_TRUE(longest.mask.equal(stored_["t5.mask512"]));
}

TEST_F(FluxText, EncodesCaptions) {
  Model model = LoadModel(kDev).value();
  const Conditioning conditioning = Encode(model, Prompts());
  EXPECT_TENSOR_NEAR(conditioning.pooled, stored_["clip.pooled"], kTextRel,
                     kTextMax);
  const int64_t rows = stored_["t5.out"].size(0);
  EXPECT_TENSOR_NEAR(conditioning.context.slice(0, 0, rows), stored_["t5.out"],
                     kTextRel, kTextMax);
  EXPECT_TENSOR_NEAR(conditioning.context.mean(-1), stored_["t5.out_row_mean"],
                     kTextRel, kTextMax);
  EXPECT_FALSE(conditioning.context_mask.defined());
  EXPECT_TRUE(conditioning.guidance.equal(
      torch::full({conditioning.pooled.size(0)}, 3.5f)));
}

TEST_F(FluxText, HidesPaddingFromT5WhereAsked) {
  ModelOptions options = Options();
  options.apply_t5_attn_mask = true;
  Model model = LoadModel(kDev, AllFiles(), options).value();
  auto prompts = Prompts();
  prompts.resize(static_cast<size_t>(stored_["t5.out_masked"].size(0)));
  const Conditioning conditioning = Encode(model, prompts);
  EXPECT_TENSOR_NEAR(conditioning.context, stored_["t5.out_masked"], kTextRel,
                     kTextMax);
  EXPECT_TRUE(conditioning.context_mask.equal(
      stored_["t5.mask"].slice(0, 0, conditioning.context.size(0))));
}

TEST_F(FluxText, GivesClipsLastState) {
  Model model = LoadModel(kDev).value();
  auto& clip = dynamic_cast<ClipTextModel&>(
      *model.conditioner->TextEncoders().front().module);
  const Tensor ids = stored_["clip.ids"].slice(0, 0, 2);
  EXPECT_TENSOR_NEAR(clip.FinalNorm(clip.HiddenStates(ids).back()),
                     stored_["clip.last_first2"], kTextRel, kTextMax);
}

TEST_F(FluxText, ReadsTheEncodersOfADiffusersFolder) {
  Model model = LoadModel(kDiffusers, {}).value();
  auto prompts = Prompts();
  prompts.resize(static_cast<size_t>(stored_["t5.out"].size(0)));
  const Conditioning conditioning = Encode(model, prompts);
  EXPECT_TENSOR_NEAR(
      conditioning.pooled,
      stored_["clip.pooled"].slice(0, 0, conditioning.pooled.size(0)), kTextRel,
      kTextMax);
  EXPECT_TENSOR_NEAR(conditioning.context, stored_["t5.out"], kTextRel,
                     kTextMax);
}

class FluxVae : public ::testing::TestWithParam<const char*> {};

TEST_P(FluxVae, EncodesAndDecodesLikeTheReference) {
  const torch::NoGradGuard no_gradients;
  auto stored = LoadOracle("flux/vae.safetensors");
  const std::string main = GetParam();
  const Model model =
      LoadModel(main, main == kDiffusers ? Components() : AllFiles()).value();
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

INSTANTIATE_TEST_SUITE_P(Forms, FluxVae, ::testing::Values(kDev, kDiffusers));

}  // namespace flux_oracle
}  // namespace atelier::trainer::testing
