// T5's and Gemma's tokenizers against the reference.
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/text/sentencepiece_tokenizer.h"

namespace atelier::trainer::testing {
namespace sentencepiece_oracle {

constexpr char kT5Model[] = "flux/diffusers/tokenizer_2/spiece.model";
constexpr char kGemmaModel[] = "tokenizers/gemma/tokenizer.model";

std::unique_ptr<SentencePieceTokenizer> Open(const std::string& name) {
  return SentencePieceTokenizer::Open(OraclePath(name)).value();
}

std::vector<std::string> PromptsOf(const nlohmann::json& list) {
  std::vector<std::string> prompts;
  for (const auto& prompt : list) prompts.push_back(prompt.get<std::string>());
  return prompts;
}

// Both are longer than every case.
constexpr int64_t kLongest = 2048;

void ExpectEveryCase(const SentencePieceTokenizer& tokenizer,
                     const SentencePieceFrame& frame, const std::string& name) {
  const auto json = LoadOracleJson(name);
  ASSERT_GT(json["cases"].size(), 0);
  for (const auto& entry : json["cases"]) {
    const std::vector<std::string> texts = {entry["text"].get<std::string>()};
    const auto expected = entry["ids"].get<std::vector<int64_t>>();
    const auto rows = EncodeRows(tokenizer, texts, frame);
    const auto count = static_cast<int64_t>(expected.size());
    EXPECT_EQ(rows.mask.sum().item<int64_t>(), count) << texts[0];
    EXPECT_TRUE(rows.ids[0].slice(0, 0, count).equal(torch::tensor(expected)))
        << texts[0];
  }
}

TEST(SentencePieceOracle, GivesTheT5IdsOfEveryCase) {
  if (!HasOracle(kT5Model)) GTEST_SKIP() << "no T5 vocabulary";
  ExpectEveryCase(*Open(kT5Model), T5Frame(kLongest),
                  "tokenizers/t5_cases.json");
}

TEST(SentencePieceOracle, GivesTheGemmaIdsOfEveryCase) {
  ExpectEveryCase(*Open(kGemmaModel), GemmaFrame(kLongest),
                  "tokenizers/gemma_cases.json");
}

void ExpectRows(const SentencePieceTokenizer& tokenizer,
                const std::vector<std::string>& prompts,
                const SentencePieceFrame& frame, const Tensor& ids,
                const Tensor& mask) {
  const SentencePieceRows rows = EncodeRows(tokenizer, prompts, frame);
  EXPECT_TRUE(rows.ids.equal(ids));
  EXPECT_TRUE(!mask.defined() || rows.mask.equal(mask));
}

TEST(SentencePieceOracle, FramesCaptionsForT5) {
  if (!HasOracle(kT5Model)) GTEST_SKIP() << "no T5 vocabulary";
  const auto tokenizer = Open(kT5Model);
  auto flux = LoadOracle("flux/text.safetensors");
  const auto flux_prompts = PromptsOf(LoadOracleJson("flux/prompts.json"));
  ExpectRows(*tokenizer, flux_prompts, T5Frame(flux["t5.ids"].size(1)),
             flux["t5.ids"], flux["t5.mask"]);
  ExpectRows(*tokenizer, flux_prompts, T5Frame(512), flux["t5.ids512"],
             flux["t5.mask512"]);
  auto sd3 = LoadOracle("sd3/text.safetensors");
  const auto sd3_prompts = PromptsOf(LoadOracleJson("sd3/prompts.json"));
  ExpectRows(*tokenizer, sd3_prompts, T5Frame(sd3["t5.ids"].size(1)),
             sd3["t5.ids"], sd3["t5.mask"]);
  ExpectRows(*tokenizer, sd3_prompts, T5Frame(sd3["t5.ids256"].size(1)),
             sd3["t5.ids256"], {});
}

TEST(SentencePieceOracle, FramesCaptionsForGemma) {
  const auto tokenizer = Open(kGemmaModel);
  auto stored = LoadOracle("lumina/text.safetensors");
  const auto prompts =
      PromptsOf(LoadOracleJson("lumina/prompts.json")["prompts"]);
  ExpectRows(*tokenizer, prompts, GemmaFrame(stored["ids_no_system"].size(1)),
             stored["ids_no_system"], stored["mask_no_system"]);
}

}  // namespace sentencepiece_oracle
}  // namespace atelier::trainer::testing
