#include "trainer/train/placement.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/nn/attention_choice.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer {

std::string ChooseAttentionKernel(const Training& training,
                                  int compute_capability) {
  const v1::TrainingConfig& config = training.spec.training();
  AttentionRequest request;
  request.compute_capability = compute_capability;
  request.use_flash_attn = config.run().use_flash_attn();
  request.sdpa = config.run().sdpa();
  request.has_mask = config.model().apply_t5_attn_mask() ||
                     training.spec.architecture() == v1::ARCHITECTURE_LUMINA2;
  const AttentionChoice choice =
      ChooseAttention(request, training.device, training.loop.precision);
  return choice.reason.empty()
             ? choice.backend
             : absl::StrCat(choice.backend, " (", choice.reason, ")");
}

absl::Status PlaceModel(Training& training) {
  const LoopOptions& loop = training.loop;
  Model& model = training.model;
  BlockRunner* const runner = model.denoiser->block_runner();
  if ((loop.blocks_to_swap > 0 || loop.cpu_offload_checkpointing) &&
      runner == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        loop.blocks_to_swap > 0 ? "blocks_to_swap"
                                : "cpu_offload_checkpointing",
        " needs a transformer; ", std::string(training.architecture->name),
        " has none; leave the option out"));
  }
  if (loop.blocks_to_swap > 0 && loop.cpu_offload_checkpointing) {
    return absl::InvalidArgumentError(
        "blocks_to_swap and cpu_offload_checkpointing exclude one another; "
        "leave out one of the two");
  }
  model.denoiser->SetGradientCheckpointing(loop.gradient_checkpointing);
  if (training.spec.training().run().warm_cache()) {
    // It stays where it is: nothing is trained.
  } else if (runner == nullptr) {
    MoveModule(*model.denoiser, training.device);
  } else {
    if (loop.cpu_offload_checkpointing) {
      runner->SetGradientCheckpointing(true, /*offload=*/true);
    }
    RETURN_IF_ERROR(
        runner->SetBlocksToSwap(loop.blocks_to_swap, training.device));
    MoveModule(
        *model.denoiser, training.device,
        [runner](const Tensor& tensor) { return runner->IsSwapped(tensor); });
  }
  training.host_weights.Note(*model.vae);
  MoveModule(*model.vae, training.device);
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    if (TextEncoderLearningRate(training.spec, encoder.name) <= 0) {
      training.host_weights.Note(*encoder.module);
    }
    MoveModule(*encoder.module, training.device);
  }
  model.conditioner->SetGradientCheckpointing(loop.gradient_checkpointing);
  return absl::OkStatus();
}

}  // namespace atelier::trainer
