#include "trainer/nn/attention_choice.h"

#include <ATen/Context.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const torch::Device kGpu(torch::kCUDA, 0);

AttentionRequest Flash() { return {.use_flash_attn = true}; }

TEST(AttentionChoiceTest, FlashAttentionRunsWhereItCan) {
  const auto choice = ChooseAttention(Flash(), kGpu, torch::kBFloat16);
  EXPECT_EQ(choice.backend, "flash attention");
  EXPECT_THAT(choice.reason, IsEmpty());
  EXPECT_TRUE(at::globalContext().userEnabledFlashSDP());
  EXPECT_FALSE(at::globalContext().userEnabledCuDNNSDP());
}

TEST(AttentionChoiceTest, TheNextBestRunsElsewhereAndSaysWhy) {
  AttentionRequest masked = Flash();
  masked.has_mask = true;
  AttentionRequest wide = Flash();
  wide.head_dim = 512;
  AttentionRequest old = Flash();
  old.compute_capability = 75;
  const std::tuple<AttentionRequest, torch::ScalarType, const char*> rows[] = {
      {Flash(), torch::kFloat32, "takes fp16 or bf16, and attention runs in"},
      {masked, torch::kBFloat16, "takes no mask"},
      {wide, torch::kHalf, "these have 512"},
      {old, torch::kHalf, "compute capability 8.0"},
  };
  for (const auto& [request, dtype, reason] : rows) {
    const auto choice = ChooseAttention(request, kGpu, dtype);
    EXPECT_EQ(choice.backend, "memory-efficient attention");
    EXPECT_THAT(choice.reason, HasSubstr(reason));
    EXPECT_TRUE(at::globalContext().userEnabledMemEfficientSDP());
    EXPECT_TRUE(at::globalContext().userEnabledMathSDP());
  }
}

TEST(AttentionChoiceTest, SdpaSwitchesEverythingOnWhateverElseIsGiven) {
  ChooseAttention(Flash(), kGpu, torch::kBFloat16);
  AttentionRequest both = Flash();
  both.sdpa = true;
  const auto choice = ChooseAttention(both, kGpu, torch::kBFloat16);
  EXPECT_TRUE(at::globalContext().userEnabledCuDNNSDP());
  EXPECT_THAT(choice.reason, HasSubstr("sdpa is given"));
  EXPECT_THAT(ChooseAttention({}, kGpu, torch::kBFloat16).reason, IsEmpty());
}

TEST(AttentionChoiceTest, TheCpuHasAFlashKernelOfItsOwn) {
  const auto choice = ChooseAttention(Flash(), torch::kCPU, torch::kFloat32);
  EXPECT_THAT(choice.backend, HasSubstr("for CPUs"));
  EXPECT_THAT(choice.reason, HasSubstr("a GPU's kernel"));
  EXPECT_THAT(ChooseAttention({}, torch::kCPU, torch::kFloat32).reason,
              IsEmpty());
  // Said of the CPU because it is what runs there: 1 is flash attention.
  const Tensor q = torch::randn({1, 2, 4, 8});
  EXPECT_EQ(at::_fused_sdp_choice(q, q, q), 1);
  const Tensor mask = torch::ones({1, 1, 1, 4}, torch::kBool);
  EXPECT_EQ(at::_fused_sdp_choice(q, q, q, mask), 1);
}

}  // namespace
}  // namespace atelier::trainer
