#include "trainer/scalars/scalar_rows.h"

#include <cmath>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

void AddValidation(const Validated& validated, ScalarRow& row) {
  for (const Validated::Row& of : validated.rows) {
    const std::string ending =
        of.weights == "weights" ? "" : absl::StrCat("/", of.weights);
    row.values.emplace_back(absl::StrCat("loss/validation", ending), of.loss);
    row.values.emplace_back(absl::StrCat("loss/validation_train", ending),
                            of.train_loss);
  }
}

}  // namespace

std::vector<ScalarRow> ScalarRows::Take(const Event& event,
                                        double wall_seconds) {
  std::vector<ScalarRow> rows;
  const auto end_epoch = [&] {
    if (auto ended = EndEpoch()) rows.push_back(*std::move(ended));
  };
  if (const auto* done = std::get_if<StepDone>(&event.kind)) {
    if (epoch_ > 0 && done->epoch != epoch_) end_epoch();
    rows.push_back(OfStep(event.step, *done));
    step_ = event.step;
    epoch_ = done->epoch;
    if (std::isfinite(done->loss)) {
      loss_sum_ += done->loss;
      ++losses_;
    }
    if (event.step == done->total_steps) end_epoch();
  } else if (const auto* validated = std::get_if<Validated>(&event.kind)) {
    ScalarRow row;
    row.step = event.step;
    row.epoch = epoch_;
    AddValidation(*validated, row);
    if (!row.values.empty()) rows.push_back(std::move(row));
  }
  for (ScalarRow& row : rows) row.wall_seconds = wall_seconds;
  return rows;
}

std::optional<ScalarRow> ScalarRows::EndEpoch() {
  std::optional<ScalarRow> row;
  if (is_whole_ && losses_ > 0) {
    row.emplace();
    row->step = step_;
    row->epoch = epoch_;
    row->is_epoch = true;
    row->values.emplace_back("loss/epoch",
                             loss_sum_ / static_cast<double>(losses_));
  }
  loss_sum_ = 0;
  losses_ = 0;
  is_whole_ = true;
  return row;
}

void ScalarRows::Jump() { is_whole_ = false; }

ScalarRow ScalarRows::OfStep(int64_t step, const StepDone& done) const {
  ScalarRow row;
  row.step = step;
  row.epoch = done.epoch;
  row.values = {{"loss", done.loss}, {"loss/average", done.smoothed_loss}};
  for (const auto& [group, lr] : done.lr_groups) {
    row.values.emplace_back(absl::StrCat("lr/", group), lr);
  }
  row.values.insert(
      row.values.end(),
      {{"grad_norm", done.grad_norm},
       {"step_seconds", done.step_seconds},
       {"data_wait_seconds", done.data_wait_seconds},
       {"images_per_second", done.images_per_second},
       {"host_peak_bytes", static_cast<double>(done.host_peak_bytes)}});
  if (done.device_peak_bytes > 0) {
    row.values.emplace_back("device_peak_bytes",
                            static_cast<double>(done.device_peak_bytes));
  }
  for (const auto& [part, bytes] : done.device_part_bytes) {
    row.values.emplace_back(absl::StrCat("device_bytes/", part),
                            static_cast<double>(bytes));
  }
  if (done.swap_wait_seconds > 0) {
    row.values.emplace_back("swap_wait_seconds", done.swap_wait_seconds);
  }
  if (done.skipped) row.values.emplace_back("skipped", 1);
  return row;
}

}  // namespace atelier::trainer
