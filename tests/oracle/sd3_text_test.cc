// SD3's three text encoders and what the conditioner makes of them, against the
// reference.
#include "gtest/gtest.h"

#include "tests/oracle/sd3_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::testing {
namespace sd3_oracle {

constexpr double kStateRel = 1e-4;
constexpr double kStateMax = 5e-4;

std::vector<std::string> FirstPrompts(int64_t count) {
  std::vector<std::string> prompts = Prompts();
  prompts.resize(static_cast<size_t>(count));
  return prompts;
}

EncodedText EncodeAll(const ModelOptions& options, int64_t count) {
  const torch::NoGradGuard no_gradients;
  const Model model = LoadModel(kSingleFile, {}, options).value();
  return model.conditioner->Encode(FirstPrompts(count), EncoderChoice::kAll);
}

void ExpectState(const Tensor& actual, const std::string& name) {
  EXPECT_TENSOR_NEAR(actual, TextTensors()[name], kStateRel, kStateMax) << name;
}

TEST(Sd3TextOracle, GivesTheIdsAndMasksOfClip) {
  const auto tokenizer = OpenClipTokenizer(OraclePath("sd3/diffusers")).value();
  const std::vector<std::string> prompts = Prompts();
  for (const std::string name : {"l", "g"}) {
    ClipPromptOptions options;
    options.pad = name == "l" ? tokenizer->end() : 0;
    const Tensor ids = ClipPromptIds(*tokenizer, prompts, options).squeeze(1);
    EXPECT_TRUE(ids.equal(TextTensors()[name + ".ids"])) << name;
    EXPECT_TRUE(ClipTextModel::MaskToEnd(ids, tokenizer->end())
                    .equal(TextTensors()[name + ".mask"]))
        << name;
  }
}

TEST(Sd3TextOracle, GivesTheIdsAndMasksOfT5) {
  const auto tokenizer = SentencePieceTokenizer::Open(
      OraclePath("sd3/diffusers/tokenizer_3/spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (const std::string length : {"", "256"}) {
    const Tensor expected = TextTensors()["t5.ids" + length];
    const auto rows =
        EncodeRows(**tokenizer, Prompts(), T5Frame(expected.size(1)));
    EXPECT_TRUE(rows.ids.equal(expected)) << length;
    EXPECT_TRUE(rows.mask.equal(TextTensors()["t5.mask" + length])) << length;
  }
}

TEST(Sd3TextOracle, EncodesWithEachEncoder) {
  const int64_t all = TextTensors()["l.ids"].size(0);
  const EncodedText text = EncodeAll(Options(), all);
  ExpectState(text[sd3::kClipLHidden], "l.penultimate");
  ExpectState(text[sd3::kClipGHidden], "g.penultimate");
  ExpectState(text[sd3::kClipLPooled], "l.pooled");
  ExpectState(text[sd3::kClipGPooled], "g.pooled");
  const int64_t rows = TextTensors()["t5.out"].size(0);
  ExpectState(text[sd3::kT5Hidden].slice(0, 0, rows), "t5.out");
}

TEST(Sd3TextOracle, HidesPaddingFromTheEncodersThatAreAskedTo) {
  const int64_t rows = TextTensors()["t5.out_masked"].size(0);
  ModelOptions clip = Options();
  clip.apply_lg_attn_mask = true;
  const EncodedText clip_text = EncodeAll(clip, rows);
  ExpectState(clip_text[sd3::kClipLHidden], "l.penultimate_masked");
  ExpectState(clip_text[sd3::kClipGHidden], "g.penultimate_masked");
  EXPECT_TENSOR_NEAR(clip_text[sd3::kT5Hidden],
                     TextTensors()["t5.out"].slice(0, 0, rows), kStateRel,
                     kStateMax);
  ModelOptions t5 = Options();
  t5.apply_t5_attn_mask = true;
  const EncodedText t5_text = EncodeAll(t5, rows);
  ExpectState(t5_text[sd3::kT5Hidden], "t5.out_masked");
  EXPECT_TENSOR_NEAR(t5_text[sd3::kClipLHidden],
                     TextTensors()["l.penultimate"].slice(0, 0, rows),
                     kStateRel, kStateMax);
}

TEST(Sd3TextOracle, JoinsThemToContextAndPooledVector) {
  const torch::NoGradGuard no_gradients;
  Model model = LoadModel(kSingleFile).value();
  const Conditioning both =
      Encode(model, PromptsAt(torch::tensor({1, 2}, torch::kInt64)));
  ExpectState(both.context, "context_rows1_2");
  const Conditioning all = Encode(model, Prompts());
  ExpectState(all.pooled, "lg_pooled");
}

}  // namespace sd3_oracle
}  // namespace atelier::trainer::testing
