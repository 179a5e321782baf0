// FLUX.1's timestep embedding, rotary table and packing against the reference.
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/architectures/flux/transformer.h"
#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer::testing {
namespace flux_oracle {

constexpr double kEmbeddingRel = 1e-5;
constexpr double kLargeTimeRel = 1e-4;

class FluxEmbeddings : public ::testing::Test {
 protected:
  std::map<std::string, Tensor> stored_ =
      LoadOracle("shared/embeddings.safetensors");
};

TEST_F(FluxEmbeddings, EmbedsTimesteps) {
  EXPECT_TENSOR_NEAR(TimestepEmbedding(stored_["timesteps"], 256),
                     stored_["flux_256_of_t_over_1000"], kLargeTimeRel,
                     kLargeTimeRel);
}

// The reference keeps [[cos, -sin], [sin, cos]] of every angle.
TEST_F(FluxEmbeddings, TurnsByTheSameAngles) {
  const Tensor table = flux::RotaryTable(stored_["flux_rope_ids"][0]);
  const Tensor expected = stored_["flux_rope"][0][0];  // [L, 64, 2, 2]
  EXPECT_TENSOR_NEAR(table.select(-1, 0), expected.select(-1, 0).select(-1, 0),
                     kEmbeddingRel, kEmbeddingRel);
  EXPECT_TENSOR_NEAR(table.select(-1, 1), expected.select(-1, 0).select(-1, 1),
                     kEmbeddingRel, kEmbeddingRel);
}

TEST_F(FluxEmbeddings, PacksPatches) {
  EXPECT_TRUE(flux::PackLatents(stored_["flux_pack_in"])
                  .equal(stored_["flux_pack_out"]));
}

}  // namespace flux_oracle
}  // namespace atelier::trainer::testing
