#include "trainer/train/hooks/guard.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/job/failure.h"
#include "trainer/train/resume.h"

namespace atelier::trainer {
namespace {

constexpr char kGuardState[] = "guard-state";
// Spikes are told from noise once so many ratios are known.
constexpr size_t kFewestRatios = 16;

}  // namespace

Guard::Guard(Training& training, std::string output_dir, Reporter& reporter)
    : training_(training),
      path_(absl::StrCat(std::move(output_dir), "/", kGuardState)),
      reporter_(reporter) {}

absl::Status Guard::Save(const Progress& progress, bool at_once) {
  if (!is_on()) return absl::OkStatus();
  const bool is_due =
      !has_state_ || progress.step % training_.guard.every_n_steps == 0;
  if (!is_due && !at_once) return absl::OkStatus();
  reporter_.EnterPhase("saving", kGuardState);
  RETURN_IF_ERROR(SaveTrainingState(training_, progress, path_).status());
  has_state_ = true;
  reporter_.EnterPhase("training", "", progress.step,
                       training_.length.total_steps);
  return absl::OkStatus();
}

bool Guard::IsSpike(const Course& course, double ratio) const {
  const std::optional<double>& threshold = training_.guard.spike_threshold;
  return threshold.has_value() && course.loss_ratios.size() >= kFewestRatios &&
         ratio > *threshold * course.loss_ratios.Median();
}

absl::StatusOr<Progress> Guard::GoBack(
    const Progress& now, const std::vector<BatchPosition>& batches,
    const std::string& what) {
  const int64_t most = training_.guard.most_rollbacks;
  if (now.course.rollbacks >= most) {
    return MarkFailure(
        absl::OutOfRangeError(absl::StrCat(
            what, ", and the run went back ", most,
            " times already (max_rollbacks); checkpoints written before are "
            "untouched; try a lower learning_rate")),
        kNonFinite);
  }
  ASSIGN_OR_RETURN(Progress progress,
                   LoadTrainingState(training_, path_, reporter_));
  progress.course.rollbacks = now.course.rollbacks + 1;
  progress.course.left_out = now.course.left_out;
  for (const BatchPosition& batch : batches) {
    progress.course.left_out.push_back(batch);
  }
  reporter_.Warn(absl::StrCat(
      what, "; the run goes back to step ", progress.step, " and leaves out ",
      batches.size() == 1 ? "batch " : "the batches from ",
      batches.front().index + 1, " of epoch ", batches.front().epoch, " (",
      progress.course.rollbacks, " of at most ", most, " times)"));
  return progress;
}

void Guard::Remove() {
  std::error_code error;
  if (has_state_) std::filesystem::remove_all(path_, error);
}

}  // namespace atelier::trainer
