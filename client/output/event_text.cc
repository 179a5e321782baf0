#include "client/output/event_text.h"

#include "absl/strings/str_cat.h"

#include "client/output/text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/event_json.h"

namespace atelier::client {
namespace {

std::string PhaseText(const v1::PhaseEvent& phase) {
  std::string text = Printable(phase.phase());
  if (phase.total() > 0) {
    absl::StrAppend(&text, " ", phase.done(), "/", phase.total());
  }
  if (!phase.detail().empty()) {
    absl::StrAppend(&text, ": ", Printable(phase.detail()));
  }
  return text;
}

std::string SwapWaitText(const v1::StepEvent& step) {
  return step.swap_wait_seconds() > 0
             ? absl::StrCat("  waited ", NumberText(step.swap_wait_seconds()),
                            " s for transfers")
             : "";
}

std::string StepText(int64_t number, const v1::StepEvent& step) {
  return absl::StrCat(
      "step ", number, "/", step.total_steps(), "  epoch ", step.epoch(), "/",
      step.total_epochs(), "  loss ", NumberText(step.loss()), " (",
      NumberText(step.smoothed_loss()), ")  lr ", NumberText(step.lr()),
      "  grad ", NumberText(step.grad_norm()), "  ",
      NumberText(step.images_per_second()), " images/s", SwapWaitText(step),
      step.skipped() ? "  skipped: not finite" : "");
}

std::string CheckpointText(const v1::CheckpointEvent& checkpoint) {
  std::string text =
      absl::StrCat(checkpoint.is_final() ? "final checkpoint " : "checkpoint ",
                   Printable(checkpoint.path()), " (",
                   BytesText(checkpoint.size_bytes()), ")");
  for (const std::string& removed : checkpoint.removed()) {
    absl::StrAppend(&text, "; removed ", Printable(removed));
  }
  return text;
}

std::string BucketsText(const v1::BucketReport& report) {
  std::string text = absl::StrCat(
      report.train_images(), " images in ", report.buckets_size(), " buckets, ",
      report.batches_per_epoch(), " batches an epoch");
  if (report.regularization_images() > 0) {
    absl::StrAppend(&text, ", ", report.regularization_images(),
                    " regularization images");
  }
  for (const auto& bucket : report.buckets()) {
    absl::StrAppend(&text, "; ", bucket.width(), "x", bucket.height(), ": ",
                    bucket.images());
  }
  return text;
}

std::string ValidationText(const v1::ValidationEvent& validation) {
  std::string text = "validation";
  for (const v1::ValidationEvent::Row& row : validation.rows()) {
    absl::StrAppend(&text, "  ", Printable(row.weights()), " ",
                    NumberText(row.loss()), " (trained images ",
                    NumberText(row.train_loss()), ")");
  }
  absl::StrAppend(&text, "  lowest ", NumberText(validation.best_loss()),
                  " at step ", validation.best_step());
  return text;
}

std::string DoneText(const v1::DoneEvent& done) {
  std::string text =
      absl::StrCat("worker ended: ", Printable(done.outcome()), " after ",
                   DurationText(absl::Seconds(done.total_seconds())));
  if (!done.message().empty()) {
    absl::StrAppend(&text, ": ", Printable(done.message()));
  }
  return text;
}

std::string StateEventText(const v1::StateEvent& state) {
  std::string text = EnumName(state.state());
  const std::string reason = EnumName(state.reason());
  if (!reason.empty()) absl::StrAppend(&text, " (", reason, ")");
  if (!state.message().empty()) {
    absl::StrAppend(&text, ": ", Printable(state.message()));
  }
  return text;
}

}  // namespace

std::string EventText(const v1::Event& event) {
  switch (event.kind_case()) {
    case v1::Event::kPhase:
      return PhaseText(event.phase());
    case v1::Event::kStepDone:
      return StepText(event.step(), event.step_done());
    case v1::Event::kCheckpoint:
      return CheckpointText(event.checkpoint());
    case v1::Event::kSample:
      return absl::StrCat("sample ", Printable(event.sample().path()), ": ",
                          Printable(event.sample().prompt()));
    case v1::Event::kWarning:
      return absl::StrCat("warning: ", Printable(event.warning().message()));
    case v1::Event::kDone:
      return DoneText(event.done());
    case v1::Event::kBuckets:
      return BucketsText(event.buckets());
    case v1::Event::kTrainingState:
      return absl::StrCat("training state ",
                          Printable(event.training_state().path()), " (",
                          BytesText(event.training_state().size_bytes()), ")");
    case v1::Event::kState:
      return StateEventText(event.state());
    case v1::Event::kResumed:
      return absl::StrCat("resumed from ", Printable(event.resumed().path()));
    case v1::Event::kValidation:
      return ValidationText(event.validation());
    case v1::Event::kLossLedger:
      return absl::StrCat("losses of ", event.loss_ledger().images(),
                          " images in ", Printable(event.loss_ledger().path()));
    case v1::Event::KIND_NOT_SET:
      break;
  }
  return EventType(event);
}

}  // namespace atelier::client
