// What a run remembers of its own course: part of its progress, so that a
// resumed run judges, stops and reports as one that was never stopped.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "trainer/data/batch_sampler.h"
#include "trainer/train/loss_ledger.h"
#include "trainer/train/recent_values.h"
#include "trainer/train/timestep_losses.h"
#include "trainer/train/validation_history.h"

namespace atelier::trainer {

struct Course {
  // The epoch that ended with the last step; 0: none did.
  int64_t ended_epoch = 0;
  TimestepLosses usual;
  // Losses of steps divided by what is usual at their timesteps.
  RecentValues loss_ratios{64};
  RecentValues grad_norms{220};
  LossLedger ledger;
  ValidationHistory validation;
  // Mean distances between pictures of different prompts, oldest first.
  std::vector<double> diversity;
  // What was warned of and has not gone away: overfitting, gradients, samples.
  std::set<std::string> warned;
  // Batches that the run passes over since it went back before them, and how
  // often it went back.
  std::vector<BatchPosition> left_out;
  int64_t rollbacks = 0;
};

nlohmann::json CourseToJson(const Course& course);
// What is missing is as at the start. Errors: DATA_LOSS.
absl::StatusOr<Course> CourseFromJson(const nlohmann::json& json);

}  // namespace atelier::trainer
