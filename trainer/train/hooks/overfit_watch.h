// Judgements on the course of a run, from its numbers alone. Each says nothing,
// or one plain sentence on what goes wrong.
//
// Curves are noisy, and a false alarm is worse than a late one: means of three
// validations are compared, and a rise counts only if it is more than five
// times the curve's own noise (its deviation from the line through its
// neighbours, so that a steady slope is not noise) and more than 1 % of the
// loss.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/train/recent_values.h"
#include "trainer/train/validation_history.h"

namespace atelier::trainer {

// The loss of held-out images has left its minimum for good, while that of
// trained images has not risen with it: over all timesteps, or at some of them.
// `timesteps` are those of the validations, which must be six at least.
std::optional<std::string> JudgeOverfitting(
    const std::vector<ValidationPoint>& points,
    const std::vector<double>& timesteps);

// The median of the last ten gradient norms is more than ten times that of
// those before, of which there must be fifty at least.
std::optional<std::string> JudgeGradients(const RecentValues& grad_norms);

// Pictures of different prompts have grown alike: their mean distance is below
// half of the first one's, twice in a row.
std::optional<std::string> JudgeDiversity(const std::vector<double>& distances);

// Noise of a curve: a robust standard deviation of its second differences,
// scaled to that of single points.
double NoiseOf(const std::vector<double>& curve);

}  // namespace atelier::trainer
