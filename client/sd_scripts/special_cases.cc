#include "client/sd_scripts/special_cases.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace atelier::client::sd_scripts {
namespace {

// Not read where the other one is given.
struct Overruled {
  const char* option;
  const char* by;
};

constexpr Overruled kOverruled[] = {
    {"train_data_dir", "dataset_config"},
    {"reg_data_dir", "dataset_config"},
    {"in_json", "dataset_config"},
    {"reg_data_dir", "in_json"},
    {"caption_extension", "caption_extention"},
    {"double_blocks_to_swap", "blocks_to_swap"},
    {"single_blocks_to_swap", "blocks_to_swap"},
};

SpecialCase Ignored(std::string reason) {
  return {Treatment{Action::kIgnored, nullptr, std::move(reason)}, {}};
}

SpecialCase Refused(std::string reason) {
  return {Treatment{Action::kRefused, nullptr, std::move(reason)}, {}};
}

// `name/name`: what Hugging Face's hub calls a repository, unless it is there.
bool IsHubName(const std::string& value, const Surroundings& surroundings) {
  const bool is_plain =
      std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' ||
               c == '/';
      });
  const bool is_file =
      absl::EndsWith(value, ".safetensors") || absl::EndsWith(value, ".ckpt") ||
      absl::EndsWith(value, ".pt") || absl::EndsWith(value, ".bin");
  return is_plain && !is_file && !value.empty() && value[0] != '.' &&
         value[0] != '/' && std::count(value.begin(), value.end(), '/') == 1 &&
         value.back() != '/' &&
         !surroundings.exists(AbsolutePath(surroundings, value));
}

SpecialCase ModelPath(const std::string& value, const Reading& reading) {
  if (!IsHubName(value, reading.surroundings)) return {};
  return Refused(
      "there is no such file or folder, and nothing is downloaded from the "
      "Hugging Face hub; download the model and give its path");
}

// accelerate's states hold one file of random states for each process.
SpecialCase Resume(const std::string& value, const Reading& reading) {
  const std::string path = AbsolutePath(reading.surroundings, value);
  if (!reading.surroundings.exists(path + "/random_states_0.pkl")) return {};
  return Refused(
      "it is a training state of sd-scripts, which cannot be read; leave it "
      "out and start from the last checkpoint as "
      "--pretrained_model_name_or_path");
}

SpecialCase LogWith(const std::string& value) {
  if (value == "wandb") return Ignored("nothing is sent to Weights & Biases");
  const Option* option = FindOption("log_with");
  if (option == nullptr || value != "all") {
    return {Treatment{Action::kSame, option, ""}, {}};
  }
  return {
      Treatment{Action::kOther, option, "nothing is sent to Weights & Biases"},
      {"tensorboard"}};
}

// A double block counts as one of blocks_to_swap, a single block as half.
SpecialCase BlocksToSwap(const Reading& reading) {
  int double_blocks = 0;
  int single_blocks = 0;
  const GivenOptions& given = reading.given;
  if (!absl::SimpleAtoi(given.Value("double_blocks_to_swap"), &double_blocks)) {
    double_blocks = 0;
  }
  if (!absl::SimpleAtoi(given.Value("single_blocks_to_swap"), &single_blocks)) {
    single_blocks = 0;
  }
  return {std::nullopt, {absl::StrCat(double_blocks + single_blocks / 2)}};
}

// With --use_safetensors ckpt becomes safetensors, a folder's files too.
SpecialCase SaveModelAs(const std::string& value, const Reading& reading) {
  if (!reading.given.Has("use_safetensors")) return {};
  if (value == "ckpt") return {std::nullopt, {"safetensors"}};
  if (value == "diffusers") return {std::nullopt, {"diffusers_safetensors"}};
  return {};
}

SpecialCase ByName(const GivenOption& option, const Reading& reading) {
  const absl::string_view name = option.row->name;
  const GivenOptions& given = reading.given;
  const std::string value = given.Value(name);
  if (name == "pretrained_model_name_or_path" || name == "vae") {
    return ModelPath(value, reading);
  }
  if (name == "resume") return Resume(value, reading);
  if (name == "log_with") return LogWith(value);
  if (name == "double_blocks_to_swap" || name == "single_blocks_to_swap") {
    return BlocksToSwap(reading);
  }
  const char letter = reading.script.letter;
  const bool is_ldm = letter == 'D' || letter == 'F' || letter == 'X';
  if (name == "save_model_as" && is_ldm) return SaveModelAs(value, reading);
  if (name == "use_safetensors" && is_ldm && given.Has("save_model_as")) {
    return Ignored("counted into save_model_as");
  }
  if (name == "model_type") {
    return value == "flux" ? Ignored("flux is what is trained")
                           : Refused(
                                 "chroma is not trained here; leave it "
                                 "out to train FLUX");
  }
  if (name == "learning_rate_te" && letter == 'F' &&
      !given.Has("train_text_encoder")) {
    return Ignored("sd-scripts does not read it without --train_text_encoder");
  }
  return {};
}

}  // namespace

SpecialCase SpecialCaseOf(const GivenOption& option, const Reading& reading) {
  for (const Overruled& each : kOverruled) {
    if (option.row->name == absl::string_view(each.option) &&
        !reading.given.Value(each.by).empty()) {
      return Ignored(
          absl::StrCat("sd-scripts does not read it beside --", each.by));
    }
  }
  SpecialCase special = ByName(option, reading);
  const absl::string_view name = option.row->name;
  // Read elsewhere: by conversion.cc and upstream_defaults.cc.
  if (name == "v2" || name == "train_text_encoder" || name == "config_file") {
    if (option.row->action == Action::kRead) {
      special.treatment = Treatment{Action::kSame, nullptr, ""};
    }
  }
  return special;
}

}  // namespace atelier::client::sd_scripts
