#include "tests/trainer/option_effects/option_effect.h"

namespace atelier::trainer::testing {

std::vector<OptionEffect> OutputEffects() {
  const std::string each_step = "--save_every_n_steps 1 ";
  // Five pictures one at a time: an epoch is five steps.
  const std::string epochs =
      "--train_batch_size 5 --save_every_n_epochs 1 --max_train_epochs 4 ";
  return {
      {.option = "output_dir",
       .value = "TrainTest.WhatIsSavedWithoutTrainingIsWhatWasLoaded",
       .seen = Seen::kTest},
      {.option = "output_name", .value = "u", .seen = Seen::kFiles},
      {.option = "save_precision", .value = "bf16", .seen = Seen::kMetadata},
      {.option = "save_model_as", .value = "diffusers", .seen = Seen::kFiles},
      {.option = "save_every_n_epochs",
       .value = "1",
       .seen = Seen::kFiles,
       .with = "--train_batch_size 5"},
      {.option = "save_every_n_steps", .value = "2", .seen = Seen::kFiles},
      {.option = "save_last_n_epochs",
       .value = "1",
       .seen = Seen::kFiles,
       .with = epochs},
      {.option = "save_last_n_steps",
       .value = "1",
       .seen = Seen::kFiles,
       .with = each_step + "--max_train_steps 5"},
      {.option = "save_last_n_epochs_state",
       .value = "1",
       .seen = Seen::kFiles,
       .with = epochs + "--save_state"},
      {.option = "save_last_n_steps_state",
       .value = "1",
       .seen = Seen::kFiles,
       .with = each_step + "--save_state --max_train_steps 5"},
      {.option = "save_state", .seen = Seen::kFiles, .with = each_step},
      {.option = "save_state_on_train_end", .seen = Seen::kFiles},
      {.option = "metadata_title", .value = "T", .seen = Seen::kMetadata},
      {.option = "metadata_author", .value = "A", .seen = Seen::kMetadata},
      {.option = "metadata_description", .value = "D", .seen = Seen::kMetadata},
      {.option = "metadata_license", .value = "L", .seen = Seen::kMetadata},
      {.option = "metadata_tags", .value = "a,b", .seen = Seen::kMetadata},
      {.option = "metadata_usage_hint", .value = "H", .seen = Seen::kMetadata},
      {.option = "metadata_thumbnail",
       .value = "@data/1_thing/00.png",
       .seen = Seen::kMetadata},
      {.option = "metadata_merged_from",
       .value = "a,b",
       .seen = Seen::kMetadata},
      {.option = "metadata_trigger_phrase",
       .value = "p",
       .seen = Seen::kMetadata},
      {.option = "metadata_preprocessor",
       .value = "p",
       .seen = Seen::kMetadata},
      {.option = "metadata_is_negative_embedding",
       .value = "false",
       .seen = Seen::kMetadata},
      {.option = "save_n_epoch_ratio",
       .value = "3",
       .seen = Seen::kFiles,
       .with = "--train_batch_size 5 --max_train_epochs 3"},
      {.option = "use_safetensors",
       .value = "OutputOptionsTest.UseSafetensorsSavesACkptAsSafetensors",
       .seen = Seen::kTest},
      {.option = "mem_eff_save", .seen = Seen::kEvents, .architecture = "flux"},
  };
}

std::vector<OptionEffect> SampleEffects() {
  const std::string prompt = "--sample_prompt a~dog~--w~64~--h~64~--s~2~--d~3 ";
  const std::string at_two = prompt + "--sample_every_n_steps 2 ";
  return {
      {.option = "sample_prompts",
       .value = "@prompts.txt",
       .seen = Seen::kFiles,
       .with = "--sample_every_n_steps 2"},
      {.option = "sample_prompt",
       .value = "a~dog~--w~64~--h~64~--s~2~--d~3",
       .seen = Seen::kFiles,
       .with = "--sample_every_n_steps 2"},
      {.option = "sample_every_n_steps",
       .value = "2",
       .seen = Seen::kFiles,
       .with = prompt},
      {.option = "sample_every_n_epochs",
       .value = "1",
       .seen = Seen::kFiles,
       .with = prompt},
      {.option = "sample_at_first", .seen = Seen::kFiles, .with = at_two},
      {.option = "sample_sampler",
       .value = "euler_a",
       .seen = Seen::kSamples,
       .with = at_two},
  };
}

std::vector<OptionEffect> ValidationEffects() {
  const std::string split = "--validation_split 0.4 ";
  return {
      {.option = "validate_every_n_steps",
       .value = "1",
       .seen = Seen::kEvents,
       .with = split},
      {.option = "validate_every_n_epochs",
       .value = "2",
       .seen = Seen::kEvents,
       .with = split},
      {.option = "max_validation_steps",
       .value = "1",
       .seen = Seen::kEvents,
       .with = split + "--train_batch_size 1"},
      {.option = "validation_timesteps",
       .value = "100,900",
       .seen = Seen::kEvents,
       .with = split},
      {.option = "early_stop_patience",
       .value = "ValidationTest.PatienceEndsTheRunAndTheBestIsKept",
       .seen = Seen::kTest},
      {.option = "early_stop_min_delta",
       .value = "CourseTest.ASmallerGainThanAskedForIsNoImprovement",
       .seen = Seen::kTest},
      {.option = "keep_best", .seen = Seen::kFiles, .with = split},
      {.option = "on_overfit",
       .value = "WatchTest.EndsTheRunWhereAsked",
       .seen = Seen::kTest},
  };
}

}  // namespace atelier::trainer::testing
