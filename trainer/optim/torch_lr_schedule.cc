#include "trainer/optim/torch_lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"
#include "trainer/optim/lr_arguments.h"

namespace atelier::trainer {
namespace {

using ArgKind = LrArgument::Kind;

// From `start` to `end` as `share` goes from 0 to 1.
double Annealed(double start, double end, double share, bool by_cosine) {
  if (!by_cosine) return start + (end - start) * share;
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * share));
}

LrOfStep StepLr(const LrArguments& args) {
  const auto size = static_cast<int64_t>(args.Number("step_size"));
  const double gamma = args.Number("gamma");
  return [=](int64_t step, double base) {
    return base * std::pow(gamma, static_cast<double>(step / size));
  };
}

LrOfStep MultiStepLr(const LrArguments& args) {
  const std::vector<double> milestones = args.Numbers("milestones");
  const double gamma = args.Number("gamma");
  return [=](int64_t step, double base) {
    const auto passed = std::count_if(
        milestones.begin(), milestones.end(),
        [&](double at) { return at <= static_cast<double>(step); });
    return base * std::pow(gamma, static_cast<double>(passed));
  };
}

LrOfStep ConstantLr(const LrArguments& args) {
  const double factor = args.Number("factor");
  const double total = args.Number("total_iters");
  return [=](int64_t step, double base) {
    return static_cast<double>(step) < total ? base * factor : base;
  };
}

LrOfStep LinearLr(const LrArguments& args) {
  const double start = args.Number("start_factor");
  const double end = args.Number("end_factor");
  const double total = args.Number("total_iters");
  return [=](int64_t step, double base) {
    const double done = std::min(total, static_cast<double>(step));
    return base * (start + (end - start) * done / total);
  };
}

LrOfStep ExponentialLr(const LrArguments& args) {
  const double gamma = args.Number("gamma");
  return [=](int64_t step, double base) {
    return base * std::pow(gamma, static_cast<double>(step));
  };
}

LrOfStep CosineAnnealingLr(const LrArguments& args) {
  const double half_wave = args.Number("T_max");
  const double floor = args.Number("eta_min");
  return [=](int64_t step, double base) {
    return Annealed(base, floor, static_cast<double>(step) / half_wave, true);
  };
}

LrOfStep CosineAnnealingWarmRestarts(const LrArguments& args) {
  const double first = args.Number("T_0");
  const double growth = args.Number("T_mult");
  const double floor = args.Number("eta_min");
  return [=](int64_t step, double base) {
    double length = first;
    double place = static_cast<double>(step);
    if (growth == 1) place = std::fmod(place, length);
    while (place >= length) {
      place -= length;
      length *= growth;
    }
    return Annealed(base, floor, place / length, true);
  };
}

LrOfStep PolynomialLr(const LrArguments& args) {
  const double total = args.Number("total_iters");
  const double power = args.Number("power");
  return [=](int64_t step, double base) {
    const double done = std::min(total, static_cast<double>(step));
    return base * std::pow(1 - done / total, power);
  };
}

LrOfStep OneCycleLr(const LrArguments& args) {
  const double total = args.Number("total_steps");
  const double rise = args.Number("pct_start") * total - 1;  // its last step
  const double highest = args.Number("max_lr");
  const double start = highest / args.Number("div_factor");
  const double end = start / args.Number("final_div_factor");
  const bool has_fall = args.Flag("three_phase");
  const bool by_cosine = args.Text("anneal_strategy") == "cos";
  const double fall = has_fall ? 2 * rise : rise;
  return [=](int64_t step, double) {
    const double place = std::min(static_cast<double>(step), total - 1);
    if (place <= rise) return Annealed(start, highest, place / rise, by_cosine);
    if (place <= fall) {
      return Annealed(highest, start, (place - rise) / (fall - rise),
                      by_cosine);
    }
    return Annealed(has_fall ? start : highest, end,
                    (place - fall) / (total - 1 - fall), by_cosine);
  };
}

LrOfStep CyclicLr(const LrArguments& args) {
  const double low = args.Number("base_lr");
  const double high = args.Number("max_lr");
  const double up = args.Number("step_size_up");
  const double down =
      args.Has("step_size_down") ? args.Number("step_size_down") : up;
  const std::string mode = args.Text("mode");
  const double gamma = args.Number("gamma");
  return [=](int64_t step, double) {
    const double turns = static_cast<double>(step) / (up + down);
    const double cycle = std::floor(turns);
    const double share = turns - cycle;
    const double peak = up / (up + down);
    const double height =
        share <= peak ? share / peak : (share - 1) / (peak - 1);
    double scale = 1;
    if (mode == "triangular2") scale = std::pow(2, -cycle);
    if (mode == "exp_range") {
      scale = std::pow(gamma, static_cast<double>(step));
    }
    return low + (high - low) * height * scale;
  };
}

constexpr LrArgument kStepArgs[] = {{"step_size", "", ArgKind::kWhole, 1},
                                    {"gamma", "0.1"}};
constexpr LrArgument kMultiStepArgs[] = {{"milestones", "", ArgKind::kNumbers},
                                         {"gamma", "0.1"}};
constexpr LrArgument kConstantArgs[] = {{"factor", "0.33333333333333333"},
                                        {"total_iters", "5", ArgKind::kWhole}};
constexpr LrArgument kLinearArgs[] = {{"start_factor", "0.33333333333333333"},
                                      {"end_factor", "1"},
                                      {"total_iters", "5", ArgKind::kWhole, 1}};
constexpr LrArgument kExponentialArgs[] = {{"gamma", ""}};
constexpr LrArgument kCosineArgs[] = {{"T_max", "", ArgKind::kWhole, 1},
                                      {"eta_min", "0"}};
constexpr LrArgument kRestartsArgs[] = {{"T_0", "", ArgKind::kWhole, 1},
                                        {"T_mult", "1", ArgKind::kWhole, 1},
                                        {"eta_min", "0"}};
constexpr LrArgument kPolynomialArgs[] = {
    {"total_iters", "5", ArgKind::kWhole, 1}, {"power", "1"}};
constexpr LrArgument kOneCycleArgs[] = {
    {"max_lr", ""},
    {"total_steps", "", ArgKind::kWhole, 2},
    {"pct_start", "0.3"},
    {"anneal_strategy", "cos", ArgKind::kText, 0, "cos|linear"},
    {"cycle_momentum", "True", ArgKind::kFlag},
    {"div_factor", "25", ArgKind::kNumber, 1e-9},
    {"final_div_factor", "1e4", ArgKind::kNumber, 1e-9},
    {"three_phase", "False", ArgKind::kFlag}};
constexpr LrArgument kCyclicArgs[] = {
    {"base_lr", ""},
    {"max_lr", ""},
    {"step_size_up", "2000", ArgKind::kWhole, 1},
    {"step_size_down", "None", ArgKind::kWhole, 1},
    {"mode", "triangular", ArgKind::kText, 0,
     "triangular|triangular2|exp_range"},
    {"gamma", "1"},
    {"cycle_momentum", "True", ArgKind::kFlag}};

struct TorchLr {
  std::string_view type;
  LrOfStep (*make)(const LrArguments& args);
  absl::Span<const LrArgument> arguments;
};

const TorchLr kTorchLrs[] = {
    {"ConstantLR", ConstantLr, kConstantArgs},
    {"CosineAnnealingLR", CosineAnnealingLr, kCosineArgs},
    {"CosineAnnealingWarmRestarts", CosineAnnealingWarmRestarts, kRestartsArgs},
    {"CyclicLR", CyclicLr, kCyclicArgs},
    {"ExponentialLR", ExponentialLr, kExponentialArgs},
    {"LinearLR", LinearLr, kLinearArgs},
    {"MultiStepLR", MultiStepLr, kMultiStepArgs},
    {"OneCycleLR", OneCycleLr, kOneCycleArgs},
    {"PolynomialLR", PolynomialLr, kPolynomialArgs},
    {"StepLR", StepLr, kStepArgs},
};

absl::Status CheckCycle(const std::string& type, const LrArguments& args) {
  if (args.Has("cycle_momentum") && args.Flag("cycle_momentum")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "lr_scheduler_type ", type,
        " would change the optimizer's betas too; add cycle_momentum=False to "
        "lr_scheduler_args"));
  }
  if (type != "OneCycleLR") return absl::OkStatus();
  const double rise = args.Number("pct_start") * args.Number("total_steps");
  const double most =
      args.Number("total_steps") / (args.Flag("three_phase") ? 2.0 : 1.0);
  if (rise > 1 && rise < most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("lr_scheduler_args pct_start is ", args.Number("pct_start"),
                   ", so OneCycleLR rises over ", rise,
                   " steps; must be more than 1 and "
                   "less than ",
                   most));
}

}  // namespace

absl::StatusOr<LrOfStep> MakeTorchLr(const std::string& type,
                                     const std::vector<std::string>& args) {
  absl::string_view name = type;
  absl::ConsumePrefix(&name, "torch.optim.lr_scheduler.");
  for (const TorchLr& row : kTorchLrs) {
    if (std::string(row.type) != name) continue;
    ASSIGN_OR_RETURN(const LrArguments parsed,
                     LrArguments::Parse(row.type, row.arguments, args));
    RETURN_IF_ERROR(CheckCycle(std::string(name), parsed));
    return row.make(parsed);
  }
  const std::vector<std::string> types = TorchLrTypes();
  return absl::InvalidArgumentError(
      absl::StrCat("lr_scheduler_type is '", type, "', must be one of ",
                   absl::StrJoin(types, ", "), DidYouMean(name, types)));
}

std::vector<std::string> TorchLrTypes() {
  std::vector<std::string> types;
  for (const TorchLr& row : kTorchLrs) types.emplace_back(row.type);
  return types;
}

}  // namespace atelier::trainer
