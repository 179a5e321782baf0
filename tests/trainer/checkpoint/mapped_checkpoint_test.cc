#include "trainer/checkpoint/mapped_checkpoint.h"

#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {
namespace {

TEST(MappedCheckpointTest, NamesShapesAndContentsAreThoseOfTheOtherLayout) {
  const atelier::testing::TempDir dir;
  const Tensor q = torch::rand({2, 3});
  const Tensor k = torch::rand({2, 3});
  const std::string path = dir.File("m.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{"q", q}, {"k", k}, {"other", k}}).ok());
  const auto source = OpenCheckpoint(path);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto map =
      KeyMap::Make({{"q", "qk", Part(0, 2)}, {"k", "qk", Part(1, 2)}});
  ASSERT_TRUE(map.ok()) << map.status();
  const auto mapped = MapCheckpoint(**source, *map, KeyDirection::kForward);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  ASSERT_EQ((*mapped)->index().size(), 1u);
  EXPECT_EQ((*mapped)->index().at("qk").shape, (std::vector<int64_t>{4, 3}));
  EXPECT_TRUE((*mapped)->Read("qk")->equal(torch::cat({q, k})));
  EXPECT_EQ((*mapped)->Digest().value(), (*source)->Digest().value());
  EXPECT_EQ((*mapped)->Read("q").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace atelier::trainer
