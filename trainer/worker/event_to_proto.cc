#include "trainer/worker/event_to_proto.h"

#include <variant>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

namespace atelier::trainer {
namespace {

void Fill(const PhaseProgress& from, v1::Event& to) {
  v1::PhaseEvent& phase = *to.mutable_phase();
  phase.set_phase(from.phase);
  phase.set_done(from.done);
  phase.set_total(from.total);
  phase.set_detail(from.detail);
}

void Fill(const StepDone& from, v1::Event& to) {
  v1::StepEvent& step = *to.mutable_step_done();
  step.set_total_steps(from.total_steps);
  step.set_epoch(from.epoch);
  step.set_total_epochs(from.total_epochs);
  step.set_loss(from.loss);
  step.set_smoothed_loss(from.smoothed_loss);
  step.set_lr(from.lr);
  step.mutable_lr_groups()->insert(from.lr_groups.begin(),
                                   from.lr_groups.end());
  step.set_grad_norm(from.grad_norm);
  step.set_step_seconds(from.step_seconds);
  step.set_data_wait_seconds(from.data_wait_seconds);
  step.set_images_per_second(from.images_per_second);
  step.set_host_peak_bytes(from.host_peak_bytes);
  step.set_device_peak_bytes(from.device_peak_bytes);
  step.set_skipped(from.skipped);
  step.mutable_phase_seconds()->insert(from.phase_seconds.begin(),
                                       from.phase_seconds.end());
  step.mutable_device_part_bytes()->insert(from.device_part_bytes.begin(),
                                           from.device_part_bytes.end());
  step.set_swap_wait_seconds(from.swap_wait_seconds);
}

void Fill(const CheckpointSaved& from, v1::Event& to) {
  v1::CheckpointEvent& checkpoint = *to.mutable_checkpoint();
  checkpoint.set_path(from.path);
  checkpoint.set_size_bytes(from.size_bytes);
  checkpoint.set_sha256(from.sha256);
  checkpoint.set_write_seconds(from.write_seconds);
  checkpoint.set_is_final(from.is_final);
  for (const std::string& path : from.removed) checkpoint.add_removed(path);
}

void Fill(const TrainingStateSaved& from, v1::Event& to) {
  v1::TrainingStateEvent& state = *to.mutable_training_state();
  state.set_path(from.path);
  state.set_size_bytes(from.size_bytes);
  state.set_write_seconds(from.write_seconds);
}

void Fill(const SampleSaved& from, v1::Event& to) {
  v1::SampleEvent& sample = *to.mutable_sample();
  sample.set_path(from.path);
  sample.set_size_bytes(from.size_bytes);
  sample.set_sha256(from.sha256);
  sample.set_prompt(from.prompt);
  sample.set_prompt_index(from.prompt_index);
  sample.set_seed(from.seed);
  sample.set_width(from.width);
  sample.set_height(from.height);
}

void Fill(const Warning& from, v1::Event& to) {
  to.mutable_warning()->set_message(from.message);
}

void Fill(const BucketsMade& from, v1::Event& to) {
  v1::BucketReport& report = *to.mutable_buckets();
  for (const BucketsMade::Bucket& bucket : from.buckets) {
    v1::BucketReport::Bucket& row = *report.add_buckets();
    row.set_width(bucket.width);
    row.set_height(bucket.height);
    row.set_images(bucket.images);
    row.set_batches(bucket.batches);
  }
  report.set_mean_aspect_error(from.mean_aspect_error);
  report.set_train_images(from.train_images);
  report.set_regularization_images(from.regularization_images);
  report.set_batches_per_epoch(from.batches_per_epoch);
}

void Fill(const Resumed& from, v1::Event& to) {
  to.mutable_resumed()->set_path(from.path);
}

void Fill(const Validated& from, v1::Event& to) {
  v1::ValidationEvent& validation = *to.mutable_validation();
  validation.mutable_timesteps()->Add(from.timesteps.begin(),
                                      from.timesteps.end());
  for (const Validated::Row& row : from.rows) {
    v1::ValidationEvent::Row& filled = *validation.add_rows();
    filled.set_weights(row.weights);
    filled.set_loss(row.loss);
    filled.set_train_loss(row.train_loss);
    filled.mutable_losses()->Add(row.losses.begin(), row.losses.end());
    filled.mutable_train_losses()->Add(row.train_losses.begin(),
                                       row.train_losses.end());
  }
  validation.set_images(from.images);
  validation.set_best_loss(from.best_loss);
  validation.set_best_step(from.best_step);
  validation.set_best_weights(from.best_weights);
  validation.set_without_improvement(from.without_improvement);
  validation.set_seconds(from.seconds);
}

void Fill(const LossLedgerSaved& from, v1::Event& to) {
  v1::LossLedgerEvent& ledger = *to.mutable_loss_ledger();
  ledger.set_path(from.path);
  ledger.set_size_bytes(from.size_bytes);
  ledger.set_sha256(from.sha256);
  ledger.set_images(from.images);
  for (const LossLedgerSaved::Image& image : from.worst) {
    v1::LossLedgerEvent::Image& row = *ledger.add_worst();
    row.set_path(image.path);
    row.set_caption(image.caption);
    row.set_count(image.count);
    row.set_loss(image.loss);
    row.set_ratio(image.ratio);
  }
}

void Fill(const Done& from, v1::Event& to) {
  v1::DoneEvent& done = *to.mutable_done();
  done.set_outcome(from.outcome);
  done.set_message(from.message);
  done.set_reason(from.reason);
  done.set_total_seconds(from.total_seconds);
}

}  // namespace

v1::Event ToProto(const Event& event) {
  v1::Event proto;
  // GetCurrentTime() of protobuf knows whole seconds only.
  *proto.mutable_time() =
      google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
          absl::ToUnixNanos(absl::Now()));
  proto.set_step(event.step);
  std::visit([&](const auto& kind) { Fill(kind, proto); }, event.kind);
  return proto;
}

}  // namespace atelier::trainer
