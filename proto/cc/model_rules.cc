#include "proto/cc/model_rules.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace atelier {
namespace {

constexpr int kBlocksOfSdxl = 23;

void CheckPrediction(const v1::TrainingConfig& config, RuleReport report) {
  const bool is_v = config.model().v_parameterization();
  const v1::LossOptions& loss = config.loss();
  report.Require(is_v || !loss.scale_v_pred_loss_like_noise_pred(),
                 "scale_v_pred_loss_like_noise_pred",
                 "scale_v_pred_loss_like_noise_pred needs v_parameterization");
  report.Require(!is_v || !loss.has_v_pred_like_loss(), "v_pred_like_loss",
                 "v_pred_like_loss cannot be used with v_parameterization; "
                 "leave out one of the two");
}

void CheckFlow(v1::Architecture architecture, const v1::LossOptions& loss,
               RuleReport report) {
  const bool is_flow = architecture == v1::ARCHITECTURE_SD3 ||
                       architecture == v1::ARCHITECTURE_FLUX ||
                       architecture == v1::ARCHITECTURE_LUMINA2;
  const bool is_huber =
      loss.loss_type() == "huber" || loss.loss_type() == "smooth_l1";
  report.Require(!is_flow || !is_huber || loss.huber_schedule() != "snr",
                 "huber_schedule",
                 "huber_schedule snr has no meaning for rectified flow; use "
                 "constant or exponential");
  report.Require(architecture != v1::ARCHITECTURE_FLUX ||
                     loss.timestep_sampling() != "nextdit_shift",
                 "timestep_sampling",
                 "timestep_sampling nextdit_shift is Lumina 2's; use sigma, "
                 "uniform, sigmoid, shift or flux_shift");
}

void CheckEncoders(const v1::TrainingConfig& config, RuleReport report) {
  const v1::DatasetOptions& dataset = config.dataset();
  const v1::OptimizerOptions& optimizer = config.optimizer();
  const bool caches = dataset.cache_text_encoder_outputs() ||
                      dataset.cache_text_encoder_outputs_to_disk();
  const bool trains = optimizer.train_text_encoder();
  report.Require(
      !trains || !caches || dataset.use_t5xxl_cache_only(),
      "cache_text_encoder_outputs",
      "cache_text_encoder_outputs cannot be used with train_text_encoder, "
      "whose outputs change; leave out one of the two");
  report.Require(trains || !optimizer.train_t5xxl(), "train_t5xxl",
                 "train_t5xxl needs train_text_encoder");
  report.Require(
      !optimizer.train_t5xxl() || !(caches || dataset.use_t5xxl_cache_only()),
      "train_t5xxl",
      "train_t5xxl cannot be used with cached outputs of T5; leave out "
      "cache_text_encoder_outputs and use_t5xxl_cache_only");
  report.Require(!caches || !config.model().no_token_padding(),
                 "no_token_padding",
                 "no_token_padding cannot be used with cached text encoder "
                 "outputs; leave out one of the two");
}

void CheckBlocks(const v1::TrainingConfig& config, RuleReport report) {
  const v1::RunOptions& run = config.run();
  report.Require(
      !run.has_blocks_to_swap() || !run.cpu_offload_checkpointing(),
      "cpu_offload_checkpointing",
      "cpu_offload_checkpointing cannot be used with blocks_to_swap; leave out "
      "one of the two");
  const std::string& block_lr = config.optimizer().block_lr();
  if (block_lr.empty()) return;
  const std::vector<std::string> values = absl::StrSplit(block_lr, ',');
  report.Require(
      values.size() == kBlocksOfSdxl, "block_lr",
      absl::StrCat("block_lr has ", values.size(), " values; must have ",
                   kBlocksOfSdxl, ", separated by commas"));
}

}  // namespace

void CheckModelRules(v1::Architecture architecture,
                     const v1::TrainingConfig& config, RuleReport report) {
  CheckPrediction(config, report);
  CheckFlow(architecture, config.loss(), report);
  CheckEncoders(config, report);
  CheckBlocks(config, report);
}

}  // namespace atelier
