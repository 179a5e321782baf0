#include "trainer/worker/log_events.h"

#include <unistd.h>

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace atelier::trainer {
namespace {

std::string Describe(const PhaseProgress& phase) {
  std::string text = phase.phase;
  if (phase.total > 0) {
    absl::StrAppend(&text, " ", phase.done, "/", phase.total);
  }
  if (!phase.detail.empty()) absl::StrAppend(&text, ": ", phase.detail);
  return text;
}

std::string Describe(const StepDone& step) {
  return absl::StrFormat(
      "of %d, epoch %d/%d: loss %.6g (smoothed %.6g), lr %.4g, gradient norm "
      "%.4g, %.3f s (%.3f s for data)%s",
      step.total_steps, step.epoch, step.total_epochs, step.loss,
      step.smoothed_loss, step.lr, step.grad_norm, step.step_seconds,
      step.data_wait_seconds, step.skipped ? ", update skipped" : "");
}

std::string Describe(const CheckpointSaved& saved) {
  std::string text =
      absl::StrFormat("checkpoint %s: %d bytes in %.2f s", saved.path,
                      saved.size_bytes, saved.write_seconds);
  for (const std::string& path : saved.removed) {
    absl::StrAppend(&text, "; removed ", path);
  }
  return text;
}

std::string Describe(const TrainingStateSaved& saved) {
  return absl::StrFormat("training state %s: %d bytes in %.2f s", saved.path,
                         saved.size_bytes, saved.write_seconds);
}

std::string Describe(const SampleSaved& saved) {
  return absl::StrCat("sample ", saved.path, ": ", saved.prompt);
}

std::string Describe(const Warning& warning) {
  return absl::StrCat("warning: ", warning.message);
}

std::string Describe(const BucketsMade& made) {
  std::string text = absl::StrFormat(
      "%d images, %d for regularization, %d batches an epoch, buckets",
      made.train_images, made.regularization_images, made.batches_per_epoch);
  for (const BucketsMade::Bucket& bucket : made.buckets) {
    absl::StrAppend(&text, " ", bucket.width, "x", bucket.height, ":",
                    bucket.images);
  }
  return text;
}

std::string Describe(const Resumed& resumed) {
  return absl::StrCat("continues from ", resumed.path);
}

std::string Describe(const Validated& validated) {
  std::string text = absl::StrFormat(
      "validation of %d images in %.2f s, lowest %.6g (%s) at "
      "step %d:",
      validated.images, validated.seconds, validated.best_loss,
      validated.best_weights, validated.best_step);
  for (const Validated::Row& row : validated.rows) {
    absl::StrAppendFormat(&text, " %s %.6g (trained images %.6g)", row.weights,
                          row.loss, row.train_loss);
  }
  return text;
}

std::string Describe(const LossLedgerSaved& saved) {
  return absl::StrFormat("losses of %d images in %s", saved.images, saved.path);
}

std::string Describe(const Done& done) {
  return absl::StrCat(done.outcome, done.message.empty() ? "" : ": ",
                      done.message);
}

}  // namespace

void LogLine(const std::string& text) {
  const std::string line = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone()),
      " ", text, "\n");
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void LogEvents::Send(Event event) {
  LogLine(std::visit(
      [&](const auto& kind) {
        return absl::StrCat("step ", event.step, " ", Describe(kind));
      },
      event.kind));
  next_.Send(std::move(event));
}

}  // namespace atelier::trainer
