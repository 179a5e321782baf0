#include "trainer/train/hooks/overfit_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace atelier::trainer {
namespace {

constexpr size_t kFewestPoints = 6;
constexpr size_t kWindow = 3;
constexpr double kNoiseFactor = 5;
constexpr double kFewPoints = 5;  // a noise of few points is not known well
constexpr double kSmallestRise = 0.01;  // of the loss
constexpr size_t kNewNorms = 10;
constexpr size_t kFewestOldNorms = 50;
constexpr double kExploded = 10;
constexpr double kCollapsed = 0.5;

double MeanOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

// Means of three neighbours; [i] ends with values[i + 2].
std::vector<double> Smoothed(const std::vector<double>& values) {
  std::vector<double> means;
  for (size_t i = 0; i + kWindow <= values.size(); ++i) {
    means.push_back((values[i] + values[i + 1] + values[i + 2]) / 3);
  }
  return means;
}

struct Rise {
  size_t from = 0;  // point at which the minimum's window ends
  double held_out_before = 0;
  double held_out_now = 0;
  double trained_before = 0;
  double trained_now = 0;
};

double Margin(double level, const std::vector<double>& curve) {
  const double doubt = 1 + kFewPoints / static_cast<double>(curve.size());
  return std::max(kSmallestRise * level, kNoiseFactor * doubt * NoiseOf(curve));
}

// Whether held-out loss has risen above its minimum and left the trained one
// behind.
std::optional<Rise> FindRise(const std::vector<double>& held_out,
                             const std::vector<double>& trained) {
  const std::vector<double> smooth = Smoothed(held_out);
  const std::vector<double> smooth_trained = Smoothed(trained);
  const auto lowest = static_cast<size_t>(
      std::min_element(smooth.begin(), smooth.end()) - smooth.begin());
  // The newest window must be clear of the minimum's.
  if (lowest + kWindow >= smooth.size()) return std::nullopt;
  std::vector<double> gap(held_out.size());
  std::transform(held_out.begin(), held_out.end(), trained.begin(), gap.begin(),
                 std::minus<>());
  const Rise rise = {lowest + kWindow - 1, smooth[lowest], smooth.back(),
                     smooth_trained[lowest], smooth_trained.back()};
  const double risen = rise.held_out_now - rise.held_out_before;
  const double opened = risen - (rise.trained_now - rise.trained_before);
  const double margin = Margin(rise.held_out_before, held_out);
  if (risen <= margin || opened <= Margin(rise.held_out_before, gap)) {
    return std::nullopt;
  }
  const bool stays = std::all_of(
      held_out.end() - static_cast<std::ptrdiff_t>(kWindow), held_out.end(),
      [&](double loss) { return loss > rise.held_out_before + margin / 2; });
  return stays ? std::optional<Rise>(rise) : std::nullopt;
}

std::vector<double> At(const std::vector<ValidationPoint>& points, size_t bin,
                       std::vector<double> ValidationPoint::*losses) {
  std::vector<double> curve;
  for (const ValidationPoint& point : points) {
    curve.push_back((point.*losses)[bin]);
  }
  return curve;
}

std::vector<double> Means(const std::vector<ValidationPoint>& points,
                          std::vector<double> ValidationPoint::*losses) {
  std::vector<double> curve;
  for (const ValidationPoint& point : points) {
    curve.push_back(MeanOf(point.*losses));
  }
  return curve;
}

std::string Sentence(const std::vector<ValidationPoint>& points,
                     const Rise& rise, const std::vector<std::string>& where) {
  std::string text = absl::StrFormat(
      "the run overfits: since step %d the loss of held-out images rose from "
      "%.4g to %.4g while that of trained images went from %.4g to %.4g",
      points[rise.from].step, rise.held_out_before, rise.held_out_now,
      rise.trained_before, rise.trained_now);
  if (!where.empty()) {
    absl::StrAppend(&text, ", at timesteps ", absl::StrJoin(where, ", "));
  }
  return text;
}

}  // namespace

double NoiseOf(const std::vector<double>& curve) {
  std::vector<double> bends;
  for (size_t i = 2; i < curve.size(); ++i) {
    bends.push_back(std::abs(curve[i] - 2 * curve[i - 1] + curve[i - 2]));
  }
  // Of normal noise with deviation s the median bend is 0.6745 sqrt(6) s.
  return RecentValues::MedianOf(bends) / (0.6745 * std::sqrt(6.0));
}

std::optional<std::string> JudgeOverfitting(
    const std::vector<ValidationPoint>& points,
    const std::vector<double>& timesteps) {
  if (points.size() < kFewestPoints) return std::nullopt;
  std::optional<Rise> found =
      FindRise(Means(points, &ValidationPoint::losses),
               Means(points, &ValidationPoint::train_losses));
  std::vector<std::string> where;
  for (size_t bin = 0; bin < timesteps.size(); ++bin) {
    const std::optional<Rise> rise =
        FindRise(At(points, bin, &ValidationPoint::losses),
                 At(points, bin, &ValidationPoint::train_losses));
    if (!rise.has_value()) continue;
    where.push_back(absl::StrCat(timesteps[bin]));
    if (!found.has_value()) found = rise;
  }
  if (!found.has_value()) return std::nullopt;
  return Sentence(points, *found, where);
}

std::optional<std::string> JudgeGradients(const RecentValues& grad_norms) {
  const std::vector<double>& values = grad_norms.values();
  if (values.size() < kFewestOldNorms + kNewNorms) return std::nullopt;
  const auto border = values.end() - static_cast<std::ptrdiff_t>(kNewNorms);
  const double before = RecentValues::MedianOf({values.begin(), border});
  const double now = RecentValues::MedianOf({border, values.end()});
  if (before <= 0 || now <= kExploded * before) return std::nullopt;
  return absl::StrFormat(
      "gradients explode: their norm is now about %.3g and was %.3g; a lower "
      "learning_rate or max_grad_norm helps",
      now, before);
}

std::optional<std::string> JudgeDiversity(
    const std::vector<double>& distances) {
  if (distances.size() < 3) return std::nullopt;
  const double limit = kCollapsed * distances.front();
  const double now = distances.back();
  if (now >= limit || distances[distances.size() - 2] >= limit) {
    return std::nullopt;
  }
  return absl::StrFormat(
      "samples grow alike: the mean distance between those of different "
      "prompts fell from %.3g to %.3g",
      distances.front(), now);
}

}  // namespace atelier::trainer
