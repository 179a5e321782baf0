// Weights in captions, and in the prompts of previews, of the CLIP families.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/architecture.h"

namespace atelier::trainer::weighted_captions_test {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyArchitectureOf;
using ::atelier::trainer::testing::TinyOptions;

// "a (b:2) c" is start, a, b, c, end: place 2 is b's.
constexpr int64_t kWeighed = 2;
constexpr char kPlain[] = "a b c";
constexpr char kWithWeight[] = "a (b:2) c";

class WeightedCaptionsTest : public ::testing::TestWithParam<const char*> {
 protected:
  Model Load(bool weighted, int max_token_length = 75) const {
    const Architecture& architecture = **FindArchitecture(GetParam());
    ModelOptions options = TinyOptions();
    options.weighted_captions = weighted;
    options.max_token_length = max_token_length;
    const MemorySource source(TinyArchitectureOf(architecture).tensors);
    return architecture.load(SourcesOf(source), options).value();
  }

  static Tensor ContextOf(Model& model, const EncodedText& text) {
    const std::vector<ImageGeometry> geometry(
        static_cast<size_t>(text[0].size(0)));
    return model.conditioner->Condition(text, geometry, nullptr)
        .context.detach();
  }

  static Tensor Context(Model& model, const std::string& caption) {
    return ContextOf(
        model, model.conditioner->Encode({&caption, 1}, EncoderChoice::kAll));
  }

  static std::vector<Tensor> Preview(Model& model, const std::string& prompt,
                                     const std::string& negative) {
    const EncodedPrompt both =
        model.conditioner->EncodePrompt(prompt, negative, EncoderChoice::kAll);
    return {ContextOf(model, both.positive), ContextOf(model, both.negative)};
  }
};

TEST_P(WeightedCaptionsTest, AStateIsMultipliedByTheWeightOfItsToken) {
  Model model = Load(/*weighted=*/true);
  const Tensor plain = Context(model, kPlain);
  Tensor expected = plain.clone();
  expected.select(1, kWeighed) *= 2;
  EXPECT_TRUE(Context(model, kWithWeight).allclose(expected, 1e-5, 1e-6));
}

TEST_P(WeightedCaptionsTest, WithoutTheOptionBracketsAreText) {
  Model model = Load(/*weighted=*/false);
  const Tensor plain = Context(model, kPlain);
  const Tensor brackets = Context(model, kWithWeight);
  EXPECT_FALSE(brackets.select(1, kWeighed)
                   .allclose(plain.select(1, kWeighed) * 2, 1e-3, 1e-3));
}

TEST_P(WeightedCaptionsTest, LongCaptionsAreWeighedInEveryRow) {
  Model model = Load(/*weighted=*/true, 150);
  const std::string start(80, 'a');
  const Tensor plain = Context(model, start + " b");
  const Tensor weighed = Context(model, start + " (b:2)");
  ASSERT_EQ(plain.size(1), 152);
  const Tensor ratio = (weighed / plain).nan_to_num(1);
  EXPECT_NEAR(ratio.select(1, 81).mean().item<double>(), 2, 1e-4);
  EXPECT_NEAR(ratio.select(1, 80).mean().item<double>(), 1, 1e-4);
}

TEST_P(WeightedCaptionsTest, PreviewsAreWeighedAndKeepTheirMean) {
  Model model = Load(/*weighted=*/false);
  const auto encode = [&](const char* prompt) {
    return model.conditioner->EncodePrompt(prompt, "", EncoderChoice::kAll)
        .positive;
  };
  const EncodedText plain = encode(kPlain);
  const EncodedText weighed = encode(kWithWeight);
  for (size_t place = 0; place < plain.size(); ++place) {
    Tensor expected = plain[place].detach().clone();
    if (expected.dim() == 3) {  // not what is pooled
      expected.select(1, kWeighed) *= 2;
      expected *= plain[place].mean() / expected.mean();
    }
    EXPECT_TRUE(weighed[place].allclose(expected, 1e-3, 1e-4)) << place;
  }
}

TEST_P(WeightedCaptionsTest, PreviewsWithoutWeightsAreAsCaptions) {
  Model model = Load(/*weighted=*/false);
  const std::vector<Tensor> preview = Preview(model, kPlain, "no");
  EXPECT_TRUE(preview[0].allclose(Context(model, kPlain), 1e-5, 1e-6));
  EXPECT_TRUE(preview[1].allclose(Context(model, "no"), 1e-5, 1e-6));
}

TEST_P(WeightedCaptionsTest, LongPreviewsHaveWholeRowsOnBothSides) {
  Model model = Load(/*weighted=*/false);
  for (const auto& [length, rows] :
       {std::pair{75, 1}, {76, 2}, {200, 3}, {400, 3}}) {
    const std::vector<Tensor> preview =
        Preview(model, std::string(static_cast<size_t>(length), 'a'), "");
    EXPECT_EQ(preview[0].size(1), 77 * rows);
    EXPECT_EQ(preview[1].size(1), 77 * rows);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, WeightedCaptionsTest,
                         ::testing::Values("sd1", "sd2", "sdxl"));

}  // namespace
}  // namespace atelier::trainer::weighted_captions_test
