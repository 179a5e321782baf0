// What to do when loss or gradients are not finite.
//
//   loss not finite                    stop: the run ends; skip: the update is
//   left out gradients not finite, fp32, bf16   the same gradients not finite,
//   fp16         the loss scale was too large: it is lowered and the update
//   left
//                                      out in both modes
//   25 updates left out in a row       the run ends
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace atelier::trainer {

class Divergence {
 public:
  enum class Action { kApply, kSkip, kStop };

  static constexpr int64_t kMostSkipsInARow = 25;

  explicit Divergence(bool skip) : skip_(skip) {}

  // For one optimizer step. `scaled`: gradients were those of a scaled loss.
  Action Judge(double loss, double grad_norm, bool scaled);

  // Why the run ends, marked as kNonFinite.
  absl::Status Error(int64_t step, double loss, double grad_norm) const;

  int64_t skipped_in_row = 0;

 private:
  bool skip_;
};

}  // namespace atelier::trainer
