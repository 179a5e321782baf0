// The backward pass of one batch of a step, for trainer_step.cc.
//
// A fused update cannot be repeated once it has changed a weight. So where a
// run recovers from a lack of memory, and the pass that updates is not run for
// its norm before, the first batch of every shape goes through the pass once
// without an update (one forward and backward pass more for a shape and
// process); and where gradients are kept anyway, because several batches or
// parts of one make the step, the update comes behind the last pass.
#include "trainer/train/batch_parts.h"
#include "trainer/train/trainer.h"

namespace atelier::trainer {

bool Trainer::TriesFirst(const Batch& batch) {
  if (!RecoversMemory()) return false;
  const Tensor& sized = batch.latents.defined() ? batch.latents : batch.images;
  return tried_shapes_.insert(sized.sizes().vec()).second;
}

void Trainer::Backward(const Batch& batch, double factor, bool updates,
                       Stopwatch& watch) {
  const std::vector<Batch> parts =
      SplitBatch(batch, training_.relief.micro_batch);
  const bool keeps_gradients =
      parts.size() > 1 || (RecoversMemory() && training_.loop.accumulation > 1);
  const bool in_pass = updates && !keeps_gradients;
  if (in_pass && TriesFirst(batch)) {
    const int64_t images = gradients_.images;
    fused_->BeginMeasuring();
    BackwardPart(batch, factor, 1, watch);
    fused_->End();
    losses_.Clear();
    gradients_.images = images;
  }
  if (in_pass) fused_->BeginUpdating(FusedScale());
  for (const Batch& part : parts) {
    const double share =
        static_cast<double>(part.size()) / static_cast<double>(batch.size());
    BackwardPart(part, factor, share, watch);
  }
  if (updates && !in_pass) fused_->BeginUpdating(FusedScale());
  if (updates) fused_->End();
}

void Trainer::BackwardPart(const Batch& part, double factor, double share,
                           Stopwatch& watch) {
  samples_at_once_ = part.size();
  const BatchRng rng{training_.loop.seed, static_cast<uint64_t>(progress_.step),
                     static_cast<uint64_t>(gradients_.images)};
  const BatchLoss loss = step_.Loss(part, rng, watch);
  watch.Enter("backward");
  (loss.mean * (factor * share)).backward();
  losses_.Add(part, loss, share);
  gradients_.images += part.size();
}

}  // namespace atelier::trainer
