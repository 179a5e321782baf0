#include "trainer/train/hooks/watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "trainer/train/hooks/overfit_watch.h"

namespace atelier::trainer {
namespace {

// Without validations: before the steps that gradients are judged by.
constexpr int64_t kStepsBack = 10;
constexpr size_t kMostDrawings = 500;

}  // namespace

void Watch::AfterStep(Progress& progress) {
  if (training_.on_overfit == OnOverfit::kOff) return;
  const Course& course = progress.course;
  const std::vector<ValidationPoint>& points = course.validation.points;
  if (!points.empty() && points.back().step == progress.step) {
    Tell(progress, "overfitting",
         JudgeOverfitting(points, training_.validate.timesteps));
  }
  Tell(progress, "gradients", JudgeGradients(course.grad_norms));
}

void Watch::AfterSamples(Progress& progress, double diversity) {
  if (training_.on_overfit == OnOverfit::kOff) return;
  std::vector<double>& distances = progress.course.diversity;
  // The first one is what the others are compared with.
  if (distances.size() == kMostDrawings) distances.erase(distances.begin() + 1);
  distances.push_back(diversity);
  Tell(progress, "samples", JudgeDiversity(distances));
}

void Watch::Tell(Progress& progress, const std::string& what,
                 const std::optional<std::string>& verdict) {
  if (!verdict.has_value()) {
    progress.course.warned.erase(what);
    return;
  }
  if (!progress.course.warned.insert(what).second) return;
  const int64_t best = progress.course.validation.best_step;
  const int64_t back =
      best > 0 ? best : std::max<int64_t>(0, progress.step - kStepsBack);
  reporter_.Warn(
      absl::StrCat(*verdict,
                   best > 0 ? absl::StrCat("; the lowest validation loss was "
                                           "that of step ",
                                           best)
                            : "",
                   checkpoints_.WhereToGoBack(back)));
}

}  // namespace atelier::trainer
