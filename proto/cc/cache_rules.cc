#include "proto/cc/cache_rules.h"

namespace atelier {
namespace {

bool KeepsFiles(const v1::DatasetOptions& dataset) {
  return dataset.cache_latents_to_disk() ||
         dataset.cache_text_encoder_outputs_to_disk();
}

}  // namespace

void CheckCacheRules(const v1::TrainingConfig& config, RuleReport report) {
  report.Require(!config.run().warm_cache() || KeepsFiles(config.dataset()),
                 "warm_cache",
                 "warm_cache fills caches on disk, and none is asked for; add "
                 "cache_latents_to_disk or cache_text_encoder_outputs_to_disk");
}

void AddCacheWarnings(const v1::TrainingConfig& given,
                      std::vector<std::string>* warnings) {
  const v1::DatasetOptions& dataset = given.dataset();
  if (KeepsFiles(dataset)) return;
  const char* const kWithout =
      " has no effect without cache_latents_to_disk or "
      "cache_text_encoder_outputs_to_disk";
  if (dataset.has_cache_format()) {
    warnings->push_back(std::string("cache_format") + kWithout);
  }
  if (dataset.skip_cache_check() && !dataset.has_dataset_config()) {
    warnings->push_back(std::string("skip_cache_check") + kWithout);
  }
}

}  // namespace atelier
