#include "trainer/checkpoint/state_loader.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct PairImpl : torch::nn::Module {
  PairImpl() {
    weight = register_parameter("weight", torch::zeros({2, 3}));
    bias = register_parameter("bias", torch::zeros({2}));
    ids = register_buffer("ids", torch::zeros({3}, torch::kInt64));
  }
  Tensor weight, bias, ids;
};

class StateLoaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<StateLoadResult> Load(
      const std::map<std::string, Tensor>& tensors,
      const StateLoadOptions& options = {}) {
    const std::string path = dir_.File("m.safetensors");
    EXPECT_TRUE(WriteSafetensors(path, tensors).ok());
    const auto source = OpenCheckpoint(path);
    EXPECT_TRUE(source.ok()) << source.status();
    return LoadState(**source, options, module_);
  }

  atelier::testing::TempDir dir_;
  PairImpl module_;
};

std::map<std::string, Tensor> Whole() {
  return {{"weight", torch::rand({2, 3}).to(torch::kHalf)},
          {"bias", torch::rand({2})},
          {"ids", torch::arange(3)}};
}

TEST_F(StateLoaderTest, TensorsAreConvertedToTheModulesTypes) {
  const auto tensors = Whole();
  const auto result = Load(tensors);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->loaded, ElementsAre("bias", "ids", "weight"));
  EXPECT_EQ(module_.weight.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(module_.weight.equal(tensors.at("weight").to(torch::kFloat32)));
  EXPECT_TRUE(module_.ids.equal(tensors.at("ids")));
  EXPECT_TRUE(module_.weight.requires_grad());
}

TEST_F(StateLoaderTest, OnlyNamesWithThePrefixAreLookedAt) {
  std::map<std::string, Tensor> tensors = {{"other.x", torch::zeros({1})}};
  for (const auto& [name, tensor] : Whole()) tensors["unet." + name] = tensor;
  StateLoadOptions options;
  options.prefix = "unet.";
  const auto result = Load(tensors, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->loaded,
              ElementsAre("unet.bias", "unet.ids", "unet.weight"));
}

TEST_F(StateLoaderTest, EveryProblemIsInOneMessageAndNothingIsCopied) {
  StateLoadOptions options;
  options.what = "the pair";
  const auto result = Load({{"weight", torch::ones({3, 2})},
                            {"ids", torch::ones({3}, torch::kInt64)},
                            {"extra", torch::ones({1})}},
                           options);
  const std::string message(result.status().message());
  EXPECT_THAT(message, HasSubstr("does not fit the pair"));
  EXPECT_THAT(message, HasSubstr("1 missing: bias [2]"));
  EXPECT_THAT(message, HasSubstr("1 unexpected: extra"));
  EXPECT_THAT(message,
              HasSubstr("1 of another shape: weight [3, 2], expected [2, 3]"));
  EXPECT_EQ(module_.ids.sum().item<int64_t>(), 0);
}

TEST_F(StateLoaderTest, LongListsAreCutAtTwenty) {
  auto tensors = Whole();
  for (int i = 0; i < 30; ++i) {
    tensors["extra" + std::to_string(100 + i)] = torch::zeros({1});
  }
  const std::string message(Load(tensors).status().message());
  EXPECT_THAT(message, HasSubstr("30 unexpected"));
  EXPECT_THAT(message, HasSubstr("extra119, and 10 more"));
  EXPECT_THAT(message, Not(HasSubstr("extra120")));
}

TEST_F(StateLoaderTest, NamesMayBeMissingOrIgnoredWhereThatIsSaid) {
  auto tensors = Whole();
  tensors.erase("ids");
  tensors["logit_scale"] = torch::zeros({});
  StateLoadOptions options;
  options.may_miss = {"ids"};
  options.may_ignore = {"logit_*"};
  const auto result = Load(tensors, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->loaded, ElementsAre("bias", "weight"));
}

TEST_F(StateLoaderTest, NamesOfAnotherLayoutGoThroughTheTable) {
  const auto map = KeyMap::Make({{"w", "weight", Transpose()},
                                 {"b", "bias", Rename()},
                                 {"i", "ids", Rename()}});
  ASSERT_TRUE(map.ok()) << map.status();
  StateLoadOptions options;
  options.keys = &*map;
  const Tensor weight = torch::rand({3, 2});
  const auto result =
      Load({{"w", weight}, {"b", torch::rand({2})}, {"i", torch::arange(3)}},
           options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(module_.weight.equal(weight.t()));
  EXPECT_THAT(result->loaded, ElementsAre("b", "i", "w"));
}

TEST_F(StateLoaderTest, WeightsThatAreNotFiniteAreNamed) {
  auto tensors = Whole();
  tensors["bias"][1] = std::numeric_limits<float>::infinity();
  const auto result = Load(tensors);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("1 of its weights are not finite: bias"));
}

TEST_F(StateLoaderTest, LargeFiniteWeightsAreFine) {
  auto tensors = Whole();
  tensors["weight"] = torch::full({2, 3}, 3e38f);
  EXPECT_TRUE(Load(tensors).ok());
}

}  // namespace
}  // namespace atelier::trainer
