#include "trainer/train/oom_relief.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {
namespace {

// Blocks are swapped in so many steps at most.
constexpr int64_t kSwapSteps = 4;

bool TakeSmallerParts(int64_t samples, MemoryRelief& relief) {
  if (samples < 2) return false;
  relief.micro_batch = (samples + 1) / 2;
  return true;
}

bool TakeCheckpointing(const Training& training, MemoryRelief& relief) {
  if (training.loop.gradient_checkpointing) return false;
  relief.checkpointing = true;
  return true;
}

bool TakeMoreSwapping(const Training& training, MemoryRelief& relief) {
  const BlockRunner* const runner = training.model.denoiser->block_runner();
  if (runner == nullptr || training.loop.cpu_offload_checkpointing) {
    return false;
  }
  const int64_t most = runner->most_blocks_to_swap();
  const int64_t now = training.loop.blocks_to_swap;
  if (now >= most) return false;
  const int64_t more = (most + kSwapSteps - 1) / kSwapSteps;
  relief.blocks_to_swap = std::min(most, now + more);
  return true;
}

int64_t SmallerPart(int64_t one, int64_t other) {
  if (one == 0 || other == 0) return std::max(one, other);
  return std::min(one, other);
}

}  // namespace

nlohmann::json ReliefToJson(const MemoryRelief& relief) {
  return {{"micro_batch", relief.micro_batch},
          {"checkpointing", relief.checkpointing},
          {"blocks_to_swap", relief.blocks_to_swap}};
}

MemoryRelief ReliefFromJson(const nlohmann::json& json) {
  MemoryRelief relief;
  if (!json.is_object()) return relief;
  relief.micro_batch = json.value("micro_batch", int64_t{0});
  relief.checkpointing = json.value("checkpointing", false);
  relief.blocks_to_swap = json.value("blocks_to_swap", int64_t{0});
  return relief;
}

std::optional<MemoryRelief> NextRelief(const Training& training,
                                       int64_t samples) {
  MemoryRelief next = training.relief;
  const bool keeps_no_gradients =
      training.loop.fused_update && training.loop.accumulation == 1;
  if (!keeps_no_gradients && TakeSmallerParts(samples, next)) return next;
  if (TakeCheckpointing(training, next) || TakeMoreSwapping(training, next) ||
      TakeSmallerParts(samples, next)) {
    return next;
  }
  return std::nullopt;
}

std::string DescribeRelief(const MemoryRelief& before,
                           const MemoryRelief& after) {
  if (after.micro_batch != before.micro_batch) {
    return absl::StrCat("micro-batches of at most ", after.micro_batch,
                        after.micro_batch == 1 ? " sample" : " samples");
  }
  if (after.checkpointing != before.checkpointing) {
    return "gradient_checkpointing";
  }
  return absl::StrCat("blocks_to_swap = ", after.blocks_to_swap);
}

absl::Status ApplyRelief(Training& training, const MemoryRelief& relief) {
  MemoryRelief& now = training.relief;
  LoopOptions& loop = training.loop;
  now.micro_batch = SmallerPart(now.micro_batch, relief.micro_batch);
  now.checkpointing = now.checkpointing || relief.checkpointing;
  if (now.checkpointing && !loop.gradient_checkpointing) {
    training.model.denoiser->SetGradientCheckpointing(true);
    training.model.conditioner->SetGradientCheckpointing(true);
    loop.gradient_checkpointing = true;
  }
  BlockRunner* const runner = training.model.denoiser->block_runner();
  if (runner == nullptr || relief.blocks_to_swap <= loop.blocks_to_swap) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(
      runner->SwapMoreBlocks(relief.blocks_to_swap, training.device));
  training.optimizer->FollowWeights();
  now.blocks_to_swap = loop.blocks_to_swap = relief.blocks_to_swap;
  return absl::OkStatus();
}

}  // namespace atelier::trainer
