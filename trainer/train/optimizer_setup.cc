#include "trainer/train/optimizer_setup.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer {
namespace {

void FreezeAll(torch::nn::Module& module) {
  for (Tensor& parameter : module.parameters()) {
    parameter.set_requires_grad(false);
  }
}

// One group of all parameters of a module that require gradients.
ParameterGroup WholeModule(const TrainedModule& trained) {
  ParameterGroup group;
  group.name = trained.name;
  for (const auto& item : trained.module->named_parameters()) {
    if (!item.value().requires_grad()) continue;
    group.parameters.push_back(
        {absl::StrCat(trained.name, ".", item.key()), item.value()});
  }
  return group;
}

// A group for each value of block_lr that is not 0; the other parameters are
// frozen.
std::vector<ParameterGroup> ByBlock(Training& training,
                                    const TrainedModule& trained,
                                    const std::vector<double>& rates) {
  std::vector<ParameterGroup> blocks(rates.size());
  for (auto& item : trained.module->named_parameters()) {
    const std::optional<int> place =
        training.architecture->block_of(item.key());
    if (!place.has_value() || rates[static_cast<size_t>(*place)] == 0) {
      item.value().set_requires_grad(false);
      continue;
    }
    blocks[static_cast<size_t>(*place)].parameters.push_back(
        {absl::StrCat(trained.name, ".", item.key()), item.value()});
  }
  std::vector<ParameterGroup> groups;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].parameters.empty()) continue;
    blocks[i].name = absl::StrFormat("%s.block%02d", trained.name, i);
    training.learning_rates[blocks[i].name] = rates[i];
    groups.push_back(std::move(blocks[i]));
  }
  return groups;
}

// The denoiser's groups; none where it is not trained.
absl::StatusOr<std::vector<ParameterGroup>> DenoiserGroups(Training& training) {
  const v1::TrainingConfig& config = training.spec.training();
  ASSIGN_OR_RETURN(
      const std::vector<double> by_block,
      ReadBlockLearningRates(config, training.architecture->blocks));
  const TrainedModule trained = {
      std::string(training.architecture->denoiser_name),
      training.model.denoiser, true};
  const double rate = DenoiserLearningRate(config);
  std::vector<ParameterGroup> groups;
  if (!by_block.empty()) {
    groups = ByBlock(training, trained, by_block);
  } else if (rate > 0) {
    groups.push_back(WholeModule(trained));
    training.learning_rates[trained.name] = rate;
  }
  if (groups.empty()) {
    FreezeAll(*training.model.denoiser);
  } else {
    training.trained.push_back(trained);
  }
  return groups;
}

void AddTextEncoders(Training& training, std::vector<ParameterGroup>& groups) {
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    const double rate = TextEncoderLearningRate(training.spec, encoder.name);
    if (rate <= 0) {
      FreezeAll(*encoder.module);
      continue;
    }
    training.trained.push_back({encoder.name, encoder.module});
    training.learning_rates[encoder.name] = rate;
    groups.push_back(WholeModule(training.trained.back()));
  }
}

absl::Status CheckTrained(const Training& training) {
  if (training.trained.empty()) {
    return absl::InvalidArgumentError(
        "nothing is trained: learning_rate and the learning rates of the text "
        "encoders are 0");
  }
  const std::optional<int64_t>& freeze = training.loop.freeze_text_encoders_at;
  if (!training.trained.front().is_denoiser && freeze.has_value() &&
      *freeze < training.length.total_steps) {
    return absl::InvalidArgumentError(
        absl::StrCat("learning_rate is 0, so nothing is trained after "
                     "stop_text_encoder_training, step ",
                     *freeze, " of ", training.length.total_steps));
  }
  return absl::OkStatus();
}

// An optimizer that estimates one step size for all cannot heed several rates.
absl::Status CheckRates(const Training& training, const OptimizerKind& kind) {
  if (!kind.traits.has_one_rate) return absl::OkStatus();
  const auto& [first, rate] = *training.learning_rates.begin();
  for (const auto& [group, other] : training.learning_rates) {
    if (other == rate) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(kind.name), " has one step size for all weights, but the ",
        "learning rates of ", first, " and ", group, " are ", rate, " and ",
        other, "; give both the same, or 0 to one of them"));
  }
  return absl::OkStatus();
}

// Schedule-free optimizers keep their rate, and those that determine it have
// none to change: the default schedule, but for `adafactor:LR`, which is
// reported.
LrScheduleOptions ScheduleOptions(const Training& training,
                                  const OptimizerKind& kind) {
  LrScheduleOptions asked = ReadLrScheduleOptions(training.spec.training(),
                                                  training.length.total_steps);
  const bool is_free = kind.traits.is_schedule_free ||
                       (training.optimizer->DeterminesLearningRate() &&
                        !absl::StartsWith(asked.name, "adafactor"));
  if (!is_free) return asked;
  LrScheduleOptions options;
  options.total_steps = asked.total_steps;
  return options;
}

}  // namespace

absl::Status MakeTrainingOptimizer(Training& training) {
  const v1::OptimizerOptions& options = training.spec.training().optimizer();
  const std::string name = OptimizerName(training.spec.training());
  ASSIGN_OR_RETURN(const OptimizerKind* kind, FindOptimizer(name));
  ASSIGN_OR_RETURN(std::vector<ParameterGroup> groups,
                   DenoiserGroups(training));
  AddTextEncoders(training, groups);
  RETURN_IF_ERROR(CheckTrained(training));
  const std::vector<std::string> arguments(options.optimizer_args().begin(),
                                           options.optimizer_args().end());
  RETURN_IF_ERROR(CheckRates(training, *kind));
  ASSIGN_OR_RETURN(training.optimizer,
                   MakeOptimizer(name, arguments, std::move(groups)));
  training.optimizer->set_rounding_seed(training.loop.seed);
  ASSIGN_OR_RETURN(LrSchedule schedule,
                   LrSchedule::Make(ScheduleOptions(training, *kind)));
  training.schedule = std::make_unique<LrSchedule>(std::move(schedule));
  return absl::OkStatus();
}

}  // namespace atelier::trainer
