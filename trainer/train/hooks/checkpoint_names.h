// Names of checkpoints and training states, and which old one a new one
// replaces.
//
//   epoch 3    NAME-000003           state  NAME-000003-state
//   step 500   NAME-step00000500            NAME-step00000500-state
//   final      NAME                         NAME-state
//   best       NAME-best
//
// A moving average adds `-ema0.999` and so on to the checkpoint's name. Where
// no output_name is given NAME is `epoch`, `at` and `last`, and the best is
// `best`. Source: sd-scripts, train_util.get_epoch_ckpt_name,
// get_remove_epoch_no and their like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace atelier::trainer {

class CheckpointNames {
 public:
  explicit CheckpointNames(std::string output_name)
      : output_name_(std::move(output_name)) {}

  // Without the ending of a checkpoint or a state.
  std::string Epoch(int64_t epoch) const;
  std::string Step(int64_t step) const;
  std::string Final() const;
  std::string Best() const;

 private:
  std::string Base(const char* otherwise) const;

  std::string output_name_;
};

// Epochs from one checkpoint to the next for save_n_epoch_ratio, at least 1.
int64_t EpochsBetweenSaves(int64_t total_epochs, int64_t ratio);

// The epoch whose checkpoint goes when that of `epoch` is whole; none below 0.
std::optional<int64_t> EpochToRemove(int64_t epoch, int64_t every_n_epochs,
                                     int64_t last_n_epochs);

// The same for steps: last_n_steps counts steps, not files.
std::optional<int64_t> StepToRemove(int64_t step, int64_t every_n_steps,
                                    int64_t last_n_steps);

}  // namespace atelier::trainer
