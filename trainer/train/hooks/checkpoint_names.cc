#include "trainer/train/hooks/checkpoint_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace atelier::trainer {

std::string CheckpointNames::Base(const char* otherwise) const {
  return output_name_.empty() ? otherwise : output_name_;
}

std::string CheckpointNames::Epoch(int64_t epoch) const {
  return absl::StrFormat("%s-%06d", Base("epoch"), epoch);
}

std::string CheckpointNames::Step(int64_t step) const {
  return absl::StrFormat("%s-step%08d", Base("at"), step);
}

std::string CheckpointNames::Final() const { return Base("last"); }

std::string CheckpointNames::Best() const {
  return output_name_.empty() ? "best" : absl::StrCat(output_name_, "-best");
}

int64_t EpochsBetweenSaves(int64_t total_epochs, int64_t ratio) {
  return std::max<int64_t>(1, total_epochs / ratio);
}

std::optional<int64_t> EpochToRemove(int64_t epoch, int64_t every_n_epochs,
                                     int64_t last_n_epochs) {
  const int64_t old = epoch - every_n_epochs * last_n_epochs;
  if (old < 0) return std::nullopt;
  return old;
}

std::optional<int64_t> StepToRemove(int64_t step, int64_t every_n_steps,
                                    int64_t last_n_steps) {
  const int64_t before = step - last_n_steps - 1;
  if (before < 0) return std::nullopt;
  return before - before % every_n_steps;
}

}  // namespace atelier::trainer
