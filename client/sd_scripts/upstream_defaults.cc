#include "client/sd_scripts/upstream_defaults.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/options_schema.h"

namespace atelier::client::sd_scripts {
namespace {

class DefaultSetter {
 public:
  DefaultSetter(const Reading& reading, v1::TrainingConfig* training,
                std::vector<Disposition>* dispositions)
      : reading_(reading), training_(training), dispositions_(dispositions) {}

  void SetAll() {
    SetFallbacks();
    SetTextEncoder();
    SetWeights();
    SetSaving();
    SetCaches();
    SetPrediction();
  }

 private:
  bool Has(absl::string_view name) const { return reading_.given.Has(name); }
  bool IsOneOf(absl::string_view letters) const {
    return absl::StrContains(letters, reading_.script.letter);
  }

  void Set(absl::string_view name, absl::string_view value,
           absl::string_view reason) {
    const Option* option = FindOption(name);
    if (option == nullptr || !option->TakenBy(reading_.architecture) ||
        IsSet(*option, *training_)) {
      return;
    }
    if (!SetOptionFromText(*option, value, training_).ok()) return;
    Disposition disposition;
    disposition.does = Does::kDefault;
    disposition.option = option->name;
    disposition.option_value = std::string(value);
    disposition.reason = std::string(reason);
    dispositions_->push_back(std::move(disposition));
  }

  // Whether the two texts are one value of the option.
  static bool IsSameValue(const Option& option, absl::string_view a,
                          absl::string_view b) {
    v1::TrainingConfig first;
    v1::TrainingConfig second;
    if (!SetOptionFromText(option, a, &first).ok()) return false;
    if (!SetOptionFromText(option, b, &second).ok()) return false;
    return OptionValues(option, first) == OptionValues(option, second);
  }

  void SetFallbacks() {
    for (const OptionRow& row : AllRows()) {
      const bool is_of_script =
          absl::StrContains(row.scripts, reading_.script.letter);
      if (!is_of_script || *row.fallback == '\0' || Has(row.name)) continue;
      const Treatment treatment =
          TreatmentOf(row, reading_.script, reading_.architecture);
      if (treatment.action != Action::kSame || treatment.option == nullptr) {
        continue;
      }
      const Option& option = *treatment.option;
      if (!IsSameValue(option, row.fallback,
                       option.DefaultFor(reading_.architecture))) {
        Set(row.name, row.fallback, "the default of sd-scripts");
      }
    }
  }

  void SetTextEncoder() {
    if (!IsOneOf("F") || Has("train_text_encoder")) return;
    Set("stop_text_encoder_training", "-1",
        "fine_tune.py trains the text encoder with --train_text_encoder only");
  }

  // FLUX and Lumina 2 are loaded in the format of mixed_precision.
  void SetWeights() {
    const std::string precision = reading_.given.Value("mixed_precision");
    if (IsOneOf("UL") && precision == "bf16") {
      Set("full_bf16", "true",
          absl::StrCat(reading_.script.file,
                       " keeps all weights in bf16 with --mixed_precision "
                       "bf16; false trains them in fp32"));
    }
    if (IsOneOf("S") && !Has("full_bf16") && !Has("full_fp16")) {
      Set("full_bf16", "false",
          "weights are trained in fp32, where sd3_train.py keeps the format of "
          "the file; true trains them in bf16");
    }
  }

  std::string FormatInMemory() const {
    if (Has("full_fp16")) return "fp16";
    if (Has("full_bf16") && IsOneOf("XUL")) return "bf16";
    const std::string precision = reading_.given.Value("mixed_precision");
    const bool is_half = precision == "bf16" || precision == "fp16";
    return IsOneOf("UL") && is_half ? precision : "float";
  }

  void SetSaving() {
    if (!IsOneOf("S") && !Has("save_precision")) {
      Set("save_precision", FormatInMemory(),
          "sd-scripts saves weights in the format that they are trained in");
    }
    if (!IsOneOf("DFX") || Has("save_model_as") || Has("use_safetensors")) {
      return;
    }
    const std::string source =
        reading_.given.Value("pretrained_model_name_or_path");
    bool is_file = false;
    for (const char* ending : {".safetensors", ".ckpt", ".pt", ".bin"}) {
      is_file = is_file || absl::EndsWith(source, ending);
    }
    Set("save_model_as", is_file ? "ckpt" : "diffusers",
        "the form that sd-scripts saves in without --use_safetensors");
  }

  void SetCaches() {
    const auto& dataset = training_->dataset();
    if (!dataset.cache_latents_to_disk() &&
        !dataset.cache_text_encoder_outputs_to_disk()) {
      return;
    }
    Set("cache_format", "npz", "the cache files of sd-scripts");
  }

  void SetPrediction() {
    if (!IsOneOf("U") || Has("model_prediction_type")) return;
    Set("model_prediction_type", "raw",
        "sd-scripts takes sigma_scaled, which does not fit the target that "
        "FLUX was trained with; give --model_prediction_type sigma_scaled for "
        "it");
  }

  const Reading& reading_;
  v1::TrainingConfig* training_;
  std::vector<Disposition>* dispositions_;
};

}  // namespace

void AddUpstreamDefaults(const Reading& reading, v1::TrainingConfig* training,
                         std::vector<Disposition>* dispositions) {
  DefaultSetter(reading, training, dispositions).SetAll();
}

}  // namespace atelier::client::sd_scripts
