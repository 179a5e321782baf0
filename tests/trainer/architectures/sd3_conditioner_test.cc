#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "tests/trainer/architectures/tiny_sd3.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/architectures/sd3/model.h"

namespace atelier::trainer::sd3 {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyMmditConfig;
using ::atelier::trainer::testing::TinyOptions;
using ::atelier::trainer::testing::TinySd3Tensors;

const std::vector<std::string> kCaptions = {"a cat", "two dogs", "", "a house"};

Model LoadTiny(const ModelOptions& options = TinyOptions()) {
  const MemorySource source(TinySd3Tensors(TinyMmditConfig()));
  return Load(SourcesOf(source), options).value();
}

void Freeze(const Model& model, const std::string& name) {
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    if (encoder.name != name) continue;
    for (Tensor& parameter : encoder.module->parameters()) {
      parameter.requires_grad_(false);
    }
  }
}

TEST(Sd3ConditionerTest, RunsOnlyTheEncodersThatAreChosen) {
  const Model model = LoadTiny();
  Freeze(model, "text_encoder3");
  EncodedText frozen =
      model.conditioner->Encode(kCaptions, EncoderChoice::kFrozen);
  const EncodedText trained =
      model.conditioner->Encode(kCaptions, EncoderChoice::kTrained);
  ASSERT_EQ(frozen.size(), kTextPlaces);
  EXPECT_TRUE(frozen[kT5Hidden].defined());
  EXPECT_FALSE(trained[kT5Hidden].defined());
  for (const int place :
       {kClipLHidden, kClipLPooled, kClipGHidden, kClipGPooled}) {
    EXPECT_FALSE(frozen[place].defined());
    EXPECT_TRUE(trained[place].requires_grad());
    frozen[place] = trained[place];
  }
  const EncodedText all =
      model.conditioner->Encode(kCaptions, EncoderChoice::kAll);
  EXPECT_TRUE(model.conditioner->Condition(frozen, {}, nullptr)
                  .context.equal(
                      model.conditioner->Condition(all, {}, nullptr).context));
}

TEST(Sd3ConditionerTest, MakesContextsOf77And256Rows) {
  const Model model = LoadTiny();
  const Conditioning conditioning = model.conditioner->Condition(
      model.conditioner->Encode(kCaptions, EncoderChoice::kAll), {}, nullptr);
  EXPECT_EQ(conditioning.context.sizes(), at::IntArrayRef({4, 333, 128}));
  EXPECT_EQ(conditioning.pooled.sizes(), at::IntArrayRef({4, 128}));
  EXPECT_FALSE(conditioning.position_crop.defined());
}

// Rows of the context and the pooled vector that are zero throughout.
struct Zeros {
  Tensor clip_l, clip_g, t5, pooled_l, pooled_g;  // [B]
};
Zeros ZerosOf(const Conditioning& conditioning) {
  const auto is_zero = [](const Tensor& part) {
    return part.flatten(1).eq(0).all(1);
  };
  const Tensor clip = conditioning.context.slice(1, 0, 77);
  return {is_zero(clip.slice(2, 0, 64)), is_zero(clip.slice(2, 64)),
          is_zero(conditioning.context.slice(1, 77)),
          is_zero(conditioning.pooled.slice(1, 0, 64)),
          is_zero(conditioning.pooled.slice(1, 64))};
}

TEST(Sd3ConditionerTest, DropsWhatAnEncoderSaysOfACaption) {
  ModelOptions options = TinyOptions();
  options.clip_l_dropout_rate = 1;
  options.t5_dropout_rate = 0.5;
  const Model model = LoadTiny(options);
  const std::vector<std::string> captions(32, "a cat");
  const EncodedText text =
      model.conditioner->Encode(captions, EncoderChoice::kAll);
  const BatchRng rng{3, 5, 0};
  const Zeros zeros = ZerosOf(model.conditioner->Condition(text, {}, &rng));
  EXPECT_TRUE(zeros.clip_l.all().item<bool>());
  EXPECT_TRUE(zeros.pooled_l.all().item<bool>());
  EXPECT_FALSE(zeros.clip_g.any().item<bool>());
  EXPECT_FALSE(zeros.pooled_g.any().item<bool>());
  const auto dropped = zeros.t5.sum().item<int64_t>();
  EXPECT_GT(dropped, 4);
  EXPECT_LT(dropped, 28);
  const Zeros preview =
      ZerosOf(model.conditioner->Condition(text, {}, nullptr));
  EXPECT_FALSE(preview.clip_l.any().item<bool>());
  EXPECT_FALSE(preview.t5.any().item<bool>());
}

TEST(Sd3ConditionerTest, DrawsForEachSampleWhateverItsBatch) {
  ModelOptions options = TinyOptions();
  options.clip_g_dropout_rate = 0.5;
  options.pos_emb_random_crop_rate = 0.5;
  const Model model = LoadTiny(options);
  const EncodedText text =
      model.conditioner->Encode(kCaptions, EncoderChoice::kAll);
  const BatchRng whole{3, 5, 0};
  const BatchRng later{3, 5, 2};
  EncodedText half;
  for (const Tensor& place : text) half.push_back(place.slice(0, 2));
  const Conditioning first = model.conditioner->Condition(text, {}, &whole);
  const Conditioning second = model.conditioner->Condition(half, {}, &later);
  EXPECT_TRUE(first.context.slice(0, 2).equal(second.context));
  EXPECT_TRUE(first.position_crop.slice(0, 2).equal(second.position_crop));
}

TEST(Sd3ConditionerTest, CropsAShareOfTheSamplesAtRandom) {
  ModelOptions options = TinyOptions();
  options.pos_emb_random_crop_rate = 0.5;
  const Model model = LoadTiny(options);
  const std::vector<std::string> captions(64, "a cat");
  const BatchRng rng{3, 5, 0};
  const Tensor crop =
      model.conditioner
          ->Condition(model.conditioner->Encode(captions, EncoderChoice::kAll),
                      {}, &rng)
          .position_crop;
  EXPECT_EQ(crop.sizes(), at::IntArrayRef({64, 2}));
  const Tensor is_centred = crop.lt(0).all(1);
  EXPECT_TRUE(is_centred.logical_or(crop.ge(0).logical_and(crop.lt(1)).all(1))
                  .all()
                  .item<bool>());
  const auto centred = is_centred.sum().item<int64_t>();
  EXPECT_GT(centred, 16);
  EXPECT_LT(centred, 48);
}

TEST(Sd3ConditionerTest, ReleasesFrozenEncodersOfFilesOfTheirOwn) {
  auto tensors = TinySd3Tensors(TinyMmditConfig());
  std::map<std::string, Tensor> t5;
  for (auto entry = tensors.begin(); entry != tensors.end();) {
    const bool is_t5 = entry->first.starts_with(kT5Prefix);
    if (is_t5) {
      t5[entry->first.substr(std::string(kT5Prefix).size())] = entry->second;
    }
    entry = is_t5 ? tensors.erase(entry) : std::next(entry);
  }
  const MemorySource source(tensors);
  ModelSources sources = SourcesOf(source);
  sources.components["t5xxl"] = std::make_unique<MemorySource>(t5);
  const Model model = Load(sources, TinyOptions()).value();
  const EncodedText text =
      model.conditioner->Encode(kCaptions, EncoderChoice::kAll);
  Freeze(model, "text_encoder1");
  Freeze(model, "text_encoder3");
  model.conditioner->ReleaseFrozen();
  std::vector<std::string> left;
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    left.push_back(encoder.name);
  }
  EXPECT_THAT(left, ::testing::ElementsAre("text_encoder1", "text_encoder2"));
  EXPECT_EQ(model.conditioner->Condition(text, {}, nullptr).context.size(1),
            333);
  EXPECT_EQ(ExportFiles(model, {})[0].tensors.size(), tensors.size());
}

// Along its gradient, each encoder changes the loss as the gradient says. The
// step is small: attention in random weights is far from linear.
TEST(Sd3ConditionerTest, GivesEachEncoderTheSlopeOfTheLoss) {
  const Model model = LoadTiny();
  const auto loss = [&] {
    const Conditioning conditioning = model.conditioner->Condition(
        model.conditioner->Encode(kCaptions, EncoderChoice::kAll), {}, nullptr);
    return conditioning.context.pow(2).mean() +
           conditioning.pooled.pow(2).mean();
  };
  loss().backward();
  const torch::NoGradGuard no_gradients;
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    double square = 0;
    for (const Tensor& parameter : encoder.module->parameters()) {
      square += parameter.grad().pow(2).sum().item<double>();
    }
    const auto move = [&](double step) {
      for (Tensor& parameter : encoder.module->parameters()) {
        parameter.add_(parameter.grad(), step / std::sqrt(square));
      }
    };
    constexpr double kStep = 1e-4;
    move(kStep);
    const double above = loss().item<double>();
    move(-2 * kStep);
    const double below = loss().item<double>();
    move(kStep);
    EXPECT_NEAR((above - below) / (2 * kStep) / std::sqrt(square), 1, 2e-2)
        << encoder.name;
  }
}

}  // namespace
}  // namespace atelier::trainer::sd3
