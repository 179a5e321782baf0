// Stable Diffusion XL's text encoders against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/ldm_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/sdxl/conditioner.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::testing::ldm_oracle {
namespace {

constexpr double kStateRel = 1e-4;
constexpr double kStateMax = 5e-4;

class SdxlText : public ::testing::Test {
 protected:
  EncodedText Encoded(const std::vector<std::string>& prompts,
                      int max_token_length = 75) {
    ModelOptions options = OptionsOf(kSdxl);
    options.max_token_length = max_token_length;
    const Model model = LoadFrom(kSdxl, kSdxl.file, options).value();
    return model.conditioner->Encode(prompts, EncoderChoice::kAll);
  }

  std::map<std::string, Tensor> expected_ = LoadOracle("sdxl/text.safetensors");
  std::vector<std::string> prompts_ =
      PromptsAt(kSdxl, torch::arange(expected_["ids1"].size(0)));
};

TEST_F(SdxlText, GivesEachEncoderItsPadding) {
  for (const std::string number : {"1", "2"}) {
    const std::string folder = number == "1" ? "tokenizer" : "tokenizer_2";
    const auto tokenizer =
        ClipTokenizer::Open(OraclePath("sdxl/diffusers/" + folder)).value();
    ClipPromptOptions options;
    options.pad = number == "1" ? tokenizer->end() : 0;
    EXPECT_TRUE(ClipPromptIds(*tokenizer, prompts_, options)
                    .squeeze(1)
                    .equal(expected_["ids" + number]));
    options.max_token_length = 225;
    EXPECT_TRUE(ClipPromptIds(*tokenizer, prompts_, options)
                    .equal(expected_["ids225_" + number]));
  }
}

TEST_F(SdxlText, EmbedsTheIds) {
  const Model model = LoadLdmModel(kSdxl);
  const auto encoders = model.conditioner->TextEncoders();
  for (const size_t i : {0, 1}) {
    auto& encoder = dynamic_cast<ClipTextEncoder&>(*encoders[i].module);
    const std::string number = std::to_string(i + 1);
    const auto states = encoder.HiddenStates(expected_["ids" + number]);
    EXPECT_TENSOR_NEAR(states[0].narrow(0, 0, 2),
                       expected_["te" + number + ".first_hidden"], kStateRel,
                       kStateMax);
  }
}

TEST_F(SdxlText, EncodesCaptions) {
  const EncodedText text = Encoded(prompts_);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipLHidden], expected_["te1.penultimate"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipGHidden], expected_["te2.penultimate"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipGPooled], expected_["te2.pooled"],
                     kStateRel, kStateMax);
}

TEST_F(SdxlText, JoinsTheRowsOfLongCaptions) {
  const EncodedText text = Encoded({prompts_[5], prompts_[6]}, 225);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipLHidden], expected_["te1.penultimate225"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipGHidden], expected_["te2.penultimate225"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(text[sdxl::kClipGPooled], expected_["te2.pooled225"],
                     kStateRel, kStateMax);
}

TEST_F(SdxlText, ProjectsByTheTransposeOfWhatTheFileHolds) {
  const Model model = LoadLdmModel(kSdxl);
  auto& encoder = dynamic_cast<ClipTextEncoder&>(
      *model.conditioner->TextEncoders()[1].module);
  const Tensor ids = expected_["ids2"];
  const Tensor pooled = ClipTextModel::PoolAtEnd(
      ids, encoder.FinalNorm(encoder.HiddenStates(ids).back()),
      ids.max().item<int64_t>());
  const Tensor weight = ParametersOf(encoder)["text_projection.weight"];
  EXPECT_TENSOR_NEAR(pooled.matmul(weight),
                     expected_["te2.pooled_if_not_transposed"], kStateRel,
                     kStateMax);
}

}  // namespace
}  // namespace atelier::trainer::testing::ldm_oracle
