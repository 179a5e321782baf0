#include "tests/bench/sd_layout.h"

#include <map>

#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::bench {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes ByName(const SdLayoutOptions& options) {
  Shapes shapes;
  for (NamedShape& entry : SdLayout(options)) {
    shapes[entry.name] = std::move(entry.shape);
  }
  return shapes;
}

// The number after `name` up to the next dot, of every tensor; the largest plus
// one.
int64_t CountOf(const Shapes& shapes, const std::string& name) {
  int64_t count = 0;
  for (const auto& [key, shape] : shapes) {
    if (key.compare(0, name.size(), name) != 0) continue;
    count = std::max<int64_t>(count, std::stoll(key.substr(name.size())) + 1);
  }
  return count;
}

TEST(SdLayoutTest, HasTheNamesAndShapesOfTheReferenceFile) {
  const auto file = trainer::OpenCheckpoint(
      trainer::testing::OraclePath("sd1/sd1.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  Shapes expected;
  for (const auto& [name, info] : (*file)->index()) expected[name] = info.shape;
  const std::string unet = "model.diffusion_model.input_blocks.";
  const std::string vae = "first_stage_model.encoder.down.";
  const std::string text = "cond_stage_model.transformer.text_model.";
  SdLayoutOptions options;
  for (int level = 0; level < 4; ++level) {
    options.unet_channels[level] = expected.at(
        unet + std::to_string(3 * level + 1) + ".0.out_layers.0.weight")[0];
    options.vae_channels[level] =
        expected.at(vae + std::to_string(level) + ".block.0.norm2.weight")[0];
  }
  options.text_width = expected.at(text + "final_layer_norm.weight")[0];
  options.text_layers = CountOf(expected, text + "encoder.layers.");
  EXPECT_EQ(ByName(options), expected);
}

// 859,520,964 + 83,653,863 + 123,060,480 parameters, the published model's.
TEST(SdLayoutTest, HasAsManyParametersAsThePublishedModel) {
  std::map<std::string, int64_t> counts;
  for (const NamedShape& entry : SdLayout({})) {
    if (entry.name.find("position_ids") != std::string::npos) continue;
    int64_t count = 1;
    for (int64_t size : entry.shape) count *= size;
    counts[entry.name.substr(0, entry.name.find('.'))] += count;
  }
  EXPECT_EQ(counts["model"], 859520964);
  EXPECT_EQ(counts["first_stage_model"], 83653863);
  EXPECT_EQ(counts["cond_stage_model"], 123060480);
}

}  // namespace
}  // namespace atelier::bench
