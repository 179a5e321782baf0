// Stable Diffusion 2's text encoder against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/ldm_model.h"
#include "tests/support/oracle.h"
#include "trainer/text/clip_prompt.h"
#include "trainer/text/clip_text_model.h"

namespace atelier::trainer::testing::ldm_oracle {
namespace {

constexpr double kStateRel = 1e-4;
constexpr double kStateMax = 5e-4;

class Sd2Text : public ::testing::Test {
 protected:
  ClipTextModel& Encoder() {
    return dynamic_cast<ClipTextModel&>(
        *model_.conditioner->TextEncoders().front().module);
  }
  Tensor Encoded(const std::vector<std::string>& prompts) {
    return model_.conditioner->Encode(prompts, EncoderChoice::kAll)[0];
  }
  static Model LoadWith(int clip_skip, int max_token_length) {
    ModelOptions options = OptionsOf(kSd2);
    options.clip_skip = clip_skip;
    options.max_token_length = max_token_length;
    return LoadFrom(kSd2, kSd2.file, options).value();
  }

  std::map<std::string, Tensor> expected_ = LoadOracle("sd2/text.safetensors");
  std::vector<std::string> prompts_ =
      PromptsAt(kSd2, torch::arange(expected_["ids"].size(0)));
  Model model_ = LoadLdmModel(kSd2);
};

TEST_F(Sd2Text, PadsWithTheIdZero) {
  const auto tokenizer =
      ClipTokenizer::Open(OraclePath("sd2/diffusers/tokenizer")).value();
  ClipPromptOptions options;
  EXPECT_TRUE(ClipPromptIds(*tokenizer, prompts_, options)
                  .squeeze(1)
                  .equal(expected_["ids"]));
  options.max_token_length = 225;
  EXPECT_TRUE(
      ClipPromptIds(*tokenizer, prompts_, options).equal(expected_["ids225"]));
}

TEST_F(Sd2Text, GivesTheStatesOfEachLayer) {
  const auto states = Encoder().HiddenStates(expected_["ids"]);
  EXPECT_TENSOR_NEAR(states[0].narrow(0, 0, 2), expected_["te.layer0_in"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(states[1].narrow(0, 0, 2), expected_["te.layer1_in"],
                     kStateRel, kStateMax);
  const Tensor last = Encoder().FinalNorm(states.back());
  EXPECT_TENSOR_NEAR(last, expected_["te.last"], kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(
      ClipTextModel::PoolAtEnd(expected_["ids"], last,
                               expected_["ids"].max().item<int64_t>()),
      expected_["te.pooled"], kStateRel, kStateMax);
}

TEST_F(Sd2Text, EncodesCaptions) {
  EXPECT_TENSOR_NEAR(Encoded(prompts_), expected_["te.last"], kStateRel,
                     kStateMax);
}

TEST_F(Sd2Text, SkipsLayersBeforeTheFinalNorm) {
  model_ = LoadWith(/*clip_skip=*/2, 75);
  EXPECT_TENSOR_NEAR(Encoded(prompts_), expected_["te.clip_skip2"], kStateRel,
                     kStateMax);
}

TEST_F(Sd2Text, JoinsTheRowsOfLongCaptions) {
  model_ = LoadWith(0, 225);
  EXPECT_TENSOR_NEAR(Encoded({prompts_[5], prompts_[6]}),
                     expected_["te.last225"], kStateRel, kStateMax);
}

}  // namespace
}  // namespace atelier::trainer::testing::ldm_oracle
