#include "trainer/train/hooks/divergence.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "trainer/job/failure.h"

namespace atelier::trainer {

Divergence::Action Divergence::Judge(double loss, double grad_norm,
                                     bool scaled) {
  if (std::isfinite(loss) && std::isfinite(grad_norm)) {
    skipped_in_row = 0;
    return Action::kApply;
  }
  const bool overflow = scaled && std::isfinite(loss);
  if (!overflow && mode_ == Mode::kStop) return Action::kStop;
  if (!overflow && mode_ == Mode::kGoBack) return Action::kGoBack;
  ++skipped_in_row;
  return skipped_in_row < kMostSkipsInARow ? Action::kSkip : Action::kStop;
}

std::string Divergence::Sentence(int64_t step, double loss, double grad_norm) {
  const bool of_loss = !std::isfinite(loss);
  return absl::StrCat(of_loss ? "the loss" : "the gradient norm", " of step ",
                      step, " is ", of_loss ? loss : grad_norm);
}

absl::Status Divergence::Error(int64_t step, double loss,
                               double grad_norm) const {
  std::string message = Sentence(step, loss, grad_norm);
  if (skipped_in_row >= kMostSkipsInARow) {
    absl::StrAppend(&message, ", and so were those of the ",
                    kMostSkipsInARow - 1, " steps before");
  }
  absl::StrAppend(&message,
                  "; checkpoints written before are untouched; try a lower "
                  "learning_rate, mixed_precision bf16 or no, or "
                  "on_nonfinite = \"skip\"");
  return MarkFailure(absl::OutOfRangeError(message), kNonFinite);
}

}  // namespace atelier::trainer
