// The options of the learning rate's schedule: ReadLrScheduleOptions of
// options.h.
#include "trainer/train/options.h"

namespace atelier::trainer {

LrScheduleOptions ReadLrScheduleOptions(const v1::TrainingConfig& config,
                                        int64_t total_steps) {
  const v1::OptimizerOptions& optimizer = config.optimizer();
  LrScheduleOptions options;
  options.total_steps = total_steps;
  if (!optimizer.lr_scheduler().empty())
    options.name = optimizer.lr_scheduler();
  options.type = optimizer.lr_scheduler_type();
  if (!optimizer.lr_warmup_steps().empty()) {
    options.warmup_steps = optimizer.lr_warmup_steps();
  }
  if (!optimizer.lr_decay_steps().empty()) {
    options.decay_steps = optimizer.lr_decay_steps();
  }
  if (optimizer.has_lr_scheduler_num_cycles()) {
    options.num_cycles = optimizer.lr_scheduler_num_cycles();
  }
  if (optimizer.has_lr_scheduler_power()) {
    options.power = optimizer.lr_scheduler_power();
  }
  if (optimizer.has_lr_scheduler_timescale()) {
    options.timescale = optimizer.lr_scheduler_timescale();
  }
  if (optimizer.has_lr_scheduler_min_lr_ratio()) {
    options.min_lr_ratio = optimizer.lr_scheduler_min_lr_ratio();
  }
  options.args.assign(optimizer.lr_scheduler_args().begin(),
                      optimizer.lr_scheduler_args().end());
  return options;
}

}  // namespace atelier::trainer
