// The text encoder's states and pooled vector against the reference.
#include "gtest/gtest.h"

#include "tests/oracle/sd1_model.h"
#include "tests/support/oracle.h"
#include "trainer/text/clip_text_model.h"

namespace atelier::trainer::testing {
namespace {

constexpr double kStateRel = 1e-4;
constexpr double kStateMax = 5e-4;

struct EncodedText {
  std::map<std::string, Tensor> expected = LoadOracle("sd1/text.safetensors");
  Model model = LoadSd1("sd1/sd1.safetensors", Sd1Options()).value();

  ClipTextModel& encoder() {
    return dynamic_cast<ClipTextModel&>(
        *model.conditioner->TextEncoders().front().module);
  }
};

TEST(TextOracle, GivesTheStatesOfEachLayer) {
  EncodedText text;
  const auto states = text.encoder().HiddenStates(text.expected["ids"]);
  EXPECT_TENSOR_NEAR(states[0].narrow(0, 0, 2), text.expected["te.layer0_in"],
                     kStateRel, kStateMax);
  EXPECT_TENSOR_NEAR(states[1].narrow(0, 0, 2), text.expected["te.layer1_in"],
                     kStateRel, kStateMax);
}

TEST(TextOracle, GivesTheLastStateAndThePooledVector) {
  EncodedText text;
  const Tensor ids = text.expected["ids"];
  const Tensor last =
      text.encoder().FinalNorm(text.encoder().HiddenStates(ids).back());
  EXPECT_TENSOR_NEAR(last, text.expected["te.last"], kStateRel, kStateMax);
  const int64_t end = ids.max().item<int64_t>();
  EXPECT_TENSOR_NEAR(ClipTextModel::PoolAtEnd(ids, last, end),
                     text.expected["te.pooled"], kStateRel, kStateMax);
}

TEST(TextOracle, SkipsLayersBeforeTheFinalNorm) {
  EncodedText text;
  const auto states = text.encoder().HiddenStates(text.expected["ids"], 2);
  EXPECT_TENSOR_NEAR(text.encoder().FinalNorm(states.back()),
                     text.expected["te.clip_skip2"], kStateRel, kStateMax);
}

std::vector<std::string> PromptsOf(size_t first, size_t count) {
  const auto json = LoadOracleJson("sd1/prompts.json");
  std::vector<std::string> prompts;
  for (size_t i = first; i < first + count; ++i) {
    prompts.push_back(json[i].get<std::string>());
  }
  return prompts;
}

TEST(TextOracle, EncodesCaptions) {
  EncodedText text;
  const auto prompts = PromptsOf(0, text.expected["ids"].size(0));
  const auto encoded =
      text.model.conditioner->Encode(prompts, EncoderChoice::kAll);
  EXPECT_TENSOR_NEAR(encoded[0], text.expected["te.last"], kStateRel,
                     kStateMax);
}

TEST(TextOracle, JoinsTheRowsOfLongCaptions) {
  ModelOptions options = Sd1Options();
  options.max_token_length = 225;
  const Model model = LoadSd1("sd1/sd1.safetensors", options).value();
  const auto encoded =
      model.conditioner->Encode(PromptsOf(5, 2), EncoderChoice::kAll);
  EXPECT_TENSOR_NEAR(encoded[0],
                     LoadOracle("sd1/text.safetensors")["te.last225"],
                     kStateRel, kStateMax);
}

}  // namespace
}  // namespace atelier::trainer::testing
