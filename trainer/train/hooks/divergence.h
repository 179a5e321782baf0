// What to do when loss or gradients are not finite.
//
//   loss not finite          stop: the run ends; skip: the update is left out;
//                            rollback: back to the guard state (guard.h)
//   gradients not finite     the same; with fp16 the loss scale was too large:
//                            it is lowered and the update left out in all modes
//   25 left out in a row     the run ends
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace atelier::trainer {

class Divergence {
 public:
  enum class Action { kApply, kSkip, kGoBack, kStop };

  static constexpr int64_t kMostSkipsInARow = 25;

  enum class Mode { kStop, kSkip, kGoBack };

  explicit Divergence(Mode mode) : mode_(mode) {}

  // For one optimizer step. `scaled`: gradients were those of a scaled loss.
  Action Judge(double loss, double grad_norm, bool scaled);

  // `the loss of step 5 is nan`.
  static std::string Sentence(int64_t step, double loss, double grad_norm);
  // Why the run ends, marked as kNonFinite.
  absl::Status Error(int64_t step, double loss, double grad_norm) const;

  int64_t skipped_in_row = 0;

 private:
  Mode mode_;
};

}  // namespace atelier::trainer
