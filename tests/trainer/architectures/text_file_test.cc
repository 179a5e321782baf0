// sd-scripts' arrays of encoded captions, of every architecture that has them.
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"

namespace atelier::trainer::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kCaption[] = "two dogs, running";

struct TextFileCase {
  const char* architecture;
  const char* suffix;
  std::map<std::string, int64_t> axes;  // of each array
  // Arrays that tell of which caption they are.
  std::set<std::string> telling;
};

void PrintTo(const TextFileCase& row, std::ostream* out) {
  *out << row.architecture;
}

const TextFileCase kCases[] = {
    {"sdxl",
     "_te_outputs.npz",
     {{"hidden_state1", 2}, {"hidden_state2", 2}, {"pool2", 1}},
     {}},
    {"sd3",
     "_sd3_te.npz",
     {{"lg_out", 2},
      {"lg_pooled", 1},
      {"t5_out", 2},
      {"clip_l_attn_mask", 1},
      {"clip_g_attn_mask", 1},
      {"t5_attn_mask", 1},
      {"apply_lg_attn_mask", 0},
      {"apply_t5_attn_mask", 0}},
     {"clip_l_attn_mask", "clip_g_attn_mask", "t5_attn_mask"}},
    {"flux",
     "_flux_te.npz",
     {{"l_pooled", 1},
      {"t5_out", 2},
      {"txt_ids", 2},
      {"t5_attn_mask", 1},
      {"apply_t5_attn_mask", 0}},
     {"t5_attn_mask"}},
    {"lumina2",
     "_lumina_te.npz",
     {{"hidden_state", 2}, {"attention_mask", 1}, {"input_ids", 1}},
     {"attention_mask", "input_ids"}},
};

class TextFileTest : public ::testing::TestWithParam<TextFileCase> {
 protected:
  void SetUp() override {
    const Architecture* const architecture =
        FindArchitecture(GetParam().architecture).value();
    const TinyArchitecture tiny = TinyArchitectureOf(*architecture);
    const MemorySource source(tiny.tensors);
    ModelSources sources;
    sources.main = &source;
    for (const auto& [option, tensors] : tiny.components) {
      sources.components[option] = std::make_unique<MemorySource>(tensors);
    }
    model_ = architecture->load(sources, TinyOptions()).value();
    const torch::NoGradGuard no_grad;
    // Without gradients every encoder counts as frozen.
    for (const TextEncoder& encoder : conditioner().TextEncoders()) {
      for (Tensor& parameter : encoder.module->parameters()) {
        parameter.requires_grad_(false);
      }
    }
    text_ = conditioner().Encode({kCaption}, EncoderChoice::kFrozen);
    arrays_ = conditioner().ToTextFile(text_, kCaption);
  }

  Conditioner& conditioner() { return *model_.conditioner; }

  std::string ErrorOf(const TextArrays& arrays,
                      const std::string& caption = kCaption) {
    const auto text = conditioner().FromTextFile(arrays, caption);
    return text.ok() ? "no error" : std::string(text.status().message());
  }

  Model model_;
  EncodedText text_;
  TextArrays arrays_;
};

TEST_P(TextFileTest, ArraysAreThoseOfSdScripts) {
  EXPECT_EQ(conditioner().TextFileSuffix(), GetParam().suffix);
  std::map<std::string, int64_t> axes;
  for (const auto& [name, array] : arrays_) axes[name] = array.dim();
  EXPECT_EQ(axes, GetParam().axes);
  for (const auto& [name, array] : arrays_) {
    const bool is_flag = name.rfind("apply_", 0) == 0;
    const bool is_whole = GetParam().telling.contains(name);
    EXPECT_EQ(array.scalar_type(), is_flag    ? torch::kBool
                                   : is_whole ? torch::kInt64
                                              : torch::kFloat32)
        << name;
  }
}

TEST_P(TextFileTest, OutputsComeBackAsTheyWere) {
  const auto back = conditioner().FromTextFile(arrays_, kCaption);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->size(), text_.size());
  for (size_t i = 0; i < text_.size(); ++i) {
    ASSERT_EQ((*back)[i].defined(), text_[i].defined()) << i;
    if (!text_[i].defined()) continue;
    EXPECT_TRUE((*back)[i].equal(text_[i])) << i;
  }
}

TEST_P(TextFileTest, HalfPrecisionIsRead) {
  for (auto& [name, array] : arrays_) {
    if (array.is_floating_point()) array = array.to(torch::kFloat16);
  }
  const auto back = conditioner().FromTextFile(arrays_, kCaption);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)[0].scalar_type(), torch::kFloat32);
  EXPECT_TRUE((*back)[0].allclose(text_[0], 1e-2, 1e-2));
}

TEST_P(TextFileTest, AMissingOrMisshapenArrayIsNamed) {
  for (const auto& [name, array] : arrays_) {
    if (name == "txt_ids") continue;  // zeros that nothing reads
    TextArrays without = arrays_;
    without.erase(name);
    EXPECT_THAT(ErrorOf(without), HasSubstr(name));
    if (array.dim() == 0) continue;
    TextArrays longer = arrays_;
    longer[name] = torch::cat({array, array});
    EXPECT_THAT(ErrorOf(longer), HasSubstr(name));
  }
}

TEST_P(TextFileTest, AnotherCaptionIsNoticedWhereTheArraysTell) {
  if (GetParam().telling.empty()) {
    EXPECT_EQ(ErrorOf(arrays_, "a cat"), "no error");
  } else {
    EXPECT_THAT(ErrorOf(arrays_, "a cat"), HasSubstr("caption's tokens"));
  }
}

TEST_P(TextFileTest, OtherMaskOptionsAreNoticed) {
  for (const auto& [name, axes] : GetParam().axes) {
    if (axes != 0) continue;
    TextArrays other = arrays_;
    other[name] = other[name].logical_not();
    EXPECT_THAT(ErrorOf(other), HasSubstr("with " + name));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TextFileTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) {
                           return std::string(test.param.architecture);
                         });

TEST(TextFileOfOthersTest, FamiliesWithoutSuchAFileSaySo) {
  for (const char* name : {"sd1", "sd2"}) {
    const Architecture* const architecture = FindArchitecture(name).value();
    const TinyArchitecture tiny = TinyArchitectureOf(*architecture);
    const MemorySource source(tiny.tensors);
    ModelSources sources;
    sources.main = &source;
    const Model model = architecture->load(sources, TinyOptions()).value();
    EXPECT_EQ(model.conditioner->TextFileSuffix(), "");
    EXPECT_FALSE(model.conditioner->FromTextFile({}, "a cat").ok());
  }
}

}  // namespace
}  // namespace atelier::trainer::testing
