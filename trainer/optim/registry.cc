#include "trainer/optim/registry.h"

#include <limits>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"
#include "trainer/optim/adafactor.h"
#include "trainer/optim/adamw.h"
#include "trainer/optim/dadapt_adam.h"
#include "trainer/optim/lion.h"
#include "trainer/optim/prodigy.h"
#include "trainer/optim/schedule_free.h"
#include "trainer/optim/sgd_nesterov.h"

namespace atelier::trainer {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-30;         // for what must not be 0
constexpr double kBelowOne = 1 - 1e-9;  // for decays, which must not reach 1

using StateBits = ElementOptimizer::StateBits;

constexpr ArgumentSpec kAdamWArguments[] = {
    {"betas", "0.9,0.999", 0, kBelowOne},
    {"eps", "1e-8", 0, kAny},
    {"weight_decay", "0.01", 0, kAny},
};

template <StateBits bits>
std::unique_ptr<Optimizer> MakeAdamW(std::vector<ParameterGroup> groups,
                                     const OptimizerArguments& arguments) {
  AdamWOptions options;
  std::tie(options.beta1, options.beta2) = arguments.Pair("betas");
  options.eps = arguments.Number("eps");
  options.weight_decay = arguments.Number("weight_decay");
  options.state_bits = bits;
  return std::make_unique<AdamW>(std::move(groups), options);
}

constexpr ArgumentSpec kLionArguments[] = {
    {"betas", "0.9,0.99", 0, kBelowOne},
    {"weight_decay", "0", 0, kAny},
};

template <StateBits bits>
std::unique_ptr<Optimizer> MakeLion(std::vector<ParameterGroup> groups,
                                    const OptimizerArguments& arguments) {
  LionOptions options;
  std::tie(options.beta1, options.beta2) = arguments.Pair("betas");
  options.weight_decay = arguments.Number("weight_decay");
  options.state_bits = bits;
  return std::make_unique<Lion>(std::move(groups), options);
}

constexpr ArgumentSpec kSgdNesterovArguments[] = {
    {"momentum", "0.9", 0, kBelowOne},
    {"weight_decay", "0", 0, kAny},
};

template <StateBits bits>
std::unique_ptr<Optimizer> MakeSgdNesterov(
    std::vector<ParameterGroup> groups, const OptimizerArguments& arguments) {
  SgdNesterovOptions options;
  options.momentum = arguments.Number("momentum");
  options.weight_decay = arguments.Number("weight_decay");
  options.nesterov = bits != StateBits::k8;
  options.state_bits = bits;
  return std::make_unique<SgdNesterov>(std::move(groups), options);
}

constexpr ArgumentSpec kAdafactorArguments[] = {
    {"eps", "1e-30,1e-3", 0, kAny},   {"clip_threshold", "1", kTiny, kAny},
    {"decay_rate", "-0.8", -kAny, 0}, {"beta1", "None", 0, kBelowOne},
    {"weight_decay", "0", 0, kAny},   {"scale_parameter", "True", 0, 1},
    {"relative_step", "True", 0, 1},  {"warmup_init", "False", 0, 1},
};

std::unique_ptr<Optimizer> MakeAdafactor(std::vector<ParameterGroup> groups,
                                         const OptimizerArguments& arguments) {
  AdafactorOptions options;
  std::tie(options.eps1, options.eps2) = arguments.Pair("eps");
  options.clip_threshold = arguments.Number("clip_threshold");
  options.decay_rate = arguments.Number("decay_rate");
  options.beta1 = arguments.Optional("beta1");
  options.weight_decay = arguments.Number("weight_decay");
  options.scale_parameter = arguments.Flag("scale_parameter");
  options.warmup_init = arguments.Flag("warmup_init");
  // A warmup of the relative step needs that step.
  options.relative_step =
      arguments.Flag("relative_step") || options.warmup_init;
  return std::make_unique<Adafactor>(std::move(groups), options);
}

constexpr ArgumentSpec kProdigyArguments[] = {
    {"betas", "0.9,0.999", 0, kBelowOne},
    {"beta3", "None", 0, kBelowOne},
    {"eps", "1e-8", 0, kAny},
    {"weight_decay", "0", 0, kAny},
    {"decouple", "True", 0, 1},
    {"use_bias_correction", "False", 0, 1},
    {"safeguard_warmup", "False", 0, 1},
    {"d0", "1e-6", kTiny, kAny},
    {"d_coef", "1", kTiny, kAny},
    {"growth_rate", "inf", 1, kAny},
};

std::unique_ptr<Optimizer> MakeProdigy(std::vector<ParameterGroup> groups,
                                       const OptimizerArguments& arguments) {
  ProdigyOptions options;
  std::tie(options.beta1, options.beta2) = arguments.Pair("betas");
  options.beta3 = arguments.Optional("beta3");
  options.eps = arguments.Number("eps");
  options.weight_decay = arguments.Number("weight_decay");
  options.decouple = arguments.Flag("decouple");
  options.use_bias_correction = arguments.Flag("use_bias_correction");
  options.safeguard_warmup = arguments.Flag("safeguard_warmup");
  options.d0 = arguments.Number("d0");
  options.d_coef = arguments.Number("d_coef");
  options.growth_rate = arguments.Number("growth_rate");
  return std::make_unique<Prodigy>(std::move(groups), options);
}

constexpr ArgumentSpec kDAdaptAdamArguments[] = {
    {"betas", "0.9,0.999", 0, kBelowOne},
    {"eps", "1e-8", kTiny, kAny},
    {"weight_decay", "0", 0, kAny},
    {"decouple", "False", 0, 1},
    {"d0", "1e-6", kTiny, kAny},
    {"growth_rate", "inf", 1, kAny},
    {"use_bias_correction", "False", 0, 1},  // not in the preprint
};
constexpr absl::Span<const ArgumentSpec> kDAdaptPreprintArguments(
    kDAdaptAdamArguments, std::size(kDAdaptAdamArguments) - 1);

template <bool preprint>
std::unique_ptr<Optimizer> MakeDAdaptAdam(std::vector<ParameterGroup> groups,
                                          const OptimizerArguments& arguments) {
  DAdaptAdamOptions options;
  options.preprint = preprint;
  std::tie(options.beta1, options.beta2) = arguments.Pair("betas");
  options.eps = arguments.Number("eps");
  options.weight_decay = arguments.Number("weight_decay");
  options.decouple = arguments.Flag("decouple");
  options.d0 = arguments.Number("d0");
  options.growth_rate = arguments.Number("growth_rate");
  if (!preprint) {
    options.use_bias_correction = arguments.Flag("use_bias_correction");
  }
  return std::make_unique<DAdaptAdam>(std::move(groups), options);
}

constexpr ArgumentSpec kAdamWScheduleFreeArguments[] = {
    {"betas", "0.9,0.999", kTiny, kBelowOne}, {"eps", "1e-8", 0, kAny},
    {"weight_decay", "0", 0, kAny},           {"r", "0", 0, kAny},
    {"weight_lr_power", "2", 0, kAny},        {"warmup_steps", "0", 0, kAny},
};
constexpr ArgumentSpec kRAdamScheduleFreeArguments[] = {
    {"betas", "0.9,0.999", kTiny, kBelowOne},
    {"eps", "1e-8", 0, kAny},
    {"weight_decay", "0", 0, kAny},
    {"r", "0", 0, kAny},
    {"weight_lr_power", "2", 0, kAny},
    {"silent_sgd_phase", "True", 0, 1},
};
constexpr ArgumentSpec kSgdScheduleFreeArguments[] = {
    {"momentum", "0.9", kTiny, kBelowOne},
    {"weight_decay", "0", 0, kAny},
    {"r", "0", 0, kAny},
    {"weight_lr_power", "2", 0, kAny},
    {"warmup_steps", "0", 0, kAny},
};

template <ScheduleFreeKind kind>
std::unique_ptr<Optimizer> MakeScheduleFree(
    std::vector<ParameterGroup> groups, const OptimizerArguments& arguments) {
  ScheduleFreeOptions options;
  options.kind = kind;
  if (kind == ScheduleFreeKind::kSgd) {
    options.beta1 = arguments.Number("momentum");
  } else {
    std::tie(options.beta1, options.beta2) = arguments.Pair("betas");
    options.eps = arguments.Number("eps");
  }
  if (kind == ScheduleFreeKind::kRAdam) {
    options.silent_sgd_phase = arguments.Flag("silent_sgd_phase");
  } else {
    options.warmup_steps =
        static_cast<int64_t>(arguments.Number("warmup_steps"));
  }
  options.weight_decay = arguments.Number("weight_decay");
  options.r = arguments.Number("r");
  options.weight_lr_power = arguments.Number("weight_lr_power");
  return std::make_unique<ScheduleFree>(std::move(groups), options);
}

// State in bits as the weights; names of bitsandbytes beside those of PyTorch.
// Paged ones differ from the others there in that the GPU's driver may move
// their state to host memory under pressure; updates are the same.
constexpr StateBits kAsWeight = StateBits::kAsWeight;
constexpr OptimizerTraits kEstimates = {.estimates_step = true};
constexpr OptimizerTraits kEstimatesOne = {.estimates_step = true,
                                           .has_one_rate = true};
constexpr OptimizerTraits kFree = {.is_schedule_free = true};
constexpr OptimizerKind kOptimizers[] = {
    {"AdamW", kAdamWArguments, MakeAdamW<kAsWeight>},
    {"AdamW8bit", kAdamWArguments, MakeAdamW<StateBits::k8>},
    {"PagedAdamW", kAdamWArguments, MakeAdamW<kAsWeight>},
    {"PagedAdamW32bit", kAdamWArguments, MakeAdamW<kAsWeight>},
    {"PagedAdamW8bit", kAdamWArguments, MakeAdamW<StateBits::k8>},
    {"Lion", kLionArguments, MakeLion<kAsWeight>},
    {"Lion8bit", kLionArguments, MakeLion<StateBits::k8>},
    {"PagedLion8bit", kLionArguments, MakeLion<StateBits::k8>},
    {"SGDNesterov", kSgdNesterovArguments, MakeSgdNesterov<kAsWeight>},
    {"SGDNesterov8bit", kSgdNesterovArguments, MakeSgdNesterov<StateBits::k8>},
    {"Adafactor", kAdafactorArguments, MakeAdafactor},
    {"Prodigy", kProdigyArguments, MakeProdigy, kEstimates},
    {"DAdaptation", kDAdaptPreprintArguments, MakeDAdaptAdam<true>,
     kEstimatesOne},
    {"DAdaptAdam", kDAdaptAdamArguments, MakeDAdaptAdam<false>, kEstimatesOne},
    {"DAdaptAdamPreprint", kDAdaptPreprintArguments, MakeDAdaptAdam<true>,
     kEstimatesOne},
    {"AdamWScheduleFree", kAdamWScheduleFreeArguments,
     MakeScheduleFree<ScheduleFreeKind::kAdamW>, kFree},
    {"RAdamScheduleFree", kRAdamScheduleFreeArguments,
     MakeScheduleFree<ScheduleFreeKind::kRAdam>, kFree},
    {"SGDScheduleFree", kSgdScheduleFreeArguments,
     MakeScheduleFree<ScheduleFreeKind::kSgd>, kFree},
};

}  // namespace

absl::Span<const OptimizerKind> AllOptimizers() { return kOptimizers; }

absl::StatusOr<const OptimizerKind*> FindOptimizer(std::string_view name) {
  const std::string wanted(name);
  std::vector<std::string> names;
  for (const OptimizerKind& kind : kOptimizers) {
    names.emplace_back(kind.name);
    if (absl::EqualsIgnoreCase(names.back(), wanted)) return &kind;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "optimizer_type '", wanted, "' is not known", DidYouMean(wanted, names),
      "; allowed are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(
    std::string_view name, absl::Span<const std::string> arguments,
    std::vector<ParameterGroup> groups) {
  ASSIGN_OR_RETURN(const OptimizerKind* kind, FindOptimizer(name));
  ASSIGN_OR_RETURN(
      const OptimizerArguments parsed,
      OptimizerArguments::Parse(kind->name, kind->arguments, arguments));
  return kind->make(std::move(groups), parsed);
}

}  // namespace atelier::trainer
