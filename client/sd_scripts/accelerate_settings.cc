#include "client/sd_scripts/accelerate_settings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "client/sd_scripts/shown_text.h"
#include "proto/cc/suggestion.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr char kOneProcess[] =
    "a single process trains, so the batch would be smaller; leave it out and "
    "raise --train_batch_size or --gradient_accumulation_steps to match";

enum class Meaning {
  kSpeed,      // leaves the result as it is
  kOther,      // belongs to a way of training that is refused by itself
  kProcesses,  // refused above 1
  kDevices,    // a list; refused where it has several
  kSeveral,    // a flag for several devices
  kPrecision,
  kCpu,
  kConfig,
  kModule,
};

struct Setting {
  const char* name;
  bool takes_value;
  Meaning meaning;
};

constexpr Setting kSettings[] = {
    {"config_file", true, Meaning::kConfig},
    {"quiet", false, Meaning::kSpeed},
    {"cpu", false, Meaning::kCpu},
    {"use_cpu", false, Meaning::kCpu},
    {"multi_gpu", false, Meaning::kSeveral},
    {"tpu", false, Meaning::kSeveral},
    {"ipex", false, Meaning::kSpeed},
    {"mixed_precision", true, Meaning::kPrecision},
    {"num_processes", true, Meaning::kProcesses},
    {"num_machines", true, Meaning::kProcesses},
    {"num_cpu_threads_per_process", true, Meaning::kSpeed},
    {"enable_cpu_affinity", false, Meaning::kSpeed},
    {"dynamo_backend", true, Meaning::kSpeed},
    {"dynamo_mode", true, Meaning::kSpeed},
    {"dynamo_use_fullgraph", false, Meaning::kSpeed},
    {"dynamo_use_dynamic", false, Meaning::kSpeed},
    {"dynamo_use_regional_compilation", false, Meaning::kSpeed},
    {"use_deepspeed", false, Meaning::kSeveral},
    {"use_fsdp", false, Meaning::kSeveral},
    {"use_megatron_lm", false, Meaning::kSeveral},
    {"use_parallelism_config", false, Meaning::kSeveral},
    {"use_xpu", false, Meaning::kSpeed},
    {"gpu_ids", true, Meaning::kDevices},
    {"same_network", false, Meaning::kSpeed},
    {"machine_rank", true, Meaning::kSpeed},
    {"main_process_ip", true, Meaning::kSpeed},
    {"main_process_port", true, Meaning::kSpeed},
    {"tee", true, Meaning::kSpeed},
    {"log_dir", true, Meaning::kSpeed},
    {"role", true, Meaning::kSpeed},
    {"rdzv_backend", true, Meaning::kSpeed},
    {"rdzv_conf", true, Meaning::kSpeed},
    {"max_restarts", true, Meaning::kSpeed},
    {"monitor_interval", true, Meaning::kSpeed},
    {"module", false, Meaning::kModule},
    {"no_python", false, Meaning::kSpeed},
    {"main_training_function", true, Meaning::kSpeed},
    {"downcast_bf16", false, Meaning::kSpeed},
    {"zero_stage", true, Meaning::kOther},
    {"gradient_accumulation_steps", true, Meaning::kOther},
    {"gradient_clipping", true, Meaning::kOther},
    {"offload_optimizer_device", true, Meaning::kOther},
    {"offload_param_device", true, Meaning::kOther},
    {"offload_optimizer_nvme_path", true, Meaning::kOther},
    {"offload_param_nvme_path", true, Meaning::kOther},
    {"zero3_init_flag", true, Meaning::kOther},
    {"zero3_save_16bit_model", true, Meaning::kOther},
    {"debug", false, Meaning::kSpeed},
};

// Whole families, each member with a value.
constexpr const char* kFamilies[] = {
    "deepspeed_", "fsdp_", "megatron_lm_", "fp8_",
    "tpu_",       "aws_",  "mpirun_",      "parallelism_config_"};

const Setting* FindSetting(absl::string_view name) {
  static constexpr Setting kFamily = {"", true, Meaning::kOther};
  for (const Setting& setting : kSettings) {
    if (name == setting.name) return &setting;
  }
  for (const char* family : kFamilies) {
    if (absl::StartsWith(name, family)) return &kFamily;
  }
  return nullptr;
}

std::string LongName(absl::string_view typed) {
  if (typed == "-q") return "quiet";
  if (typed == "-m") return "module";
  if (typed == "-t") return "tee";
  return absl::StrReplaceAll(typed.substr(std::min<size_t>(2, typed.size())),
                             {{"-", "_"}});
}

bool IsAboveOne(absl::string_view text) {
  int64_t number = 0;
  return !absl::SimpleAtoi(text, &number) || number > 1;
}

// `key: value` of accelerate's YAML file; empty where it is not there.
std::string YamlValue(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key) || !absl::ConsumePrefix(&line, ":")) {
      continue;
    }
    return std::string(
        absl::StripAsciiWhitespace(line.substr(0, line.find('#'))));
  }
  return "";
}

void ReadConfigFile(const Surroundings& surroundings,
                    AccelerateSettings* settings, Disposition* disposition) {
  const auto text =
      surroundings.read_file(AbsolutePath(surroundings, disposition->value));
  disposition->does = Does::kIgnored;
  if (!text.ok()) {
    disposition->reason =
        "it was not read; should it ask for several "
        "processes, the batch is smaller here";
    return;
  }
  const std::string kind = YamlValue(*text, "distributed_type");
  const std::string processes = YamlValue(*text, "num_processes");
  const bool is_several = !(kind.empty() || kind == "NO" || kind == "'NO'" ||
                            kind == "\"NO\"" || kind == "no") &&
                          (processes.empty() || IsAboveOne(processes) ||
                           !absl::StartsWith(kind, "MULTI_"));
  if (is_several) {
    disposition->does = Does::kRefused;
    disposition->reason = absl::StrCat("it asks for distributed_type ",
                                       ShownText(kind), ": ", kOneProcess);
    return;
  }
  settings->uses_cpu =
      settings->uses_cpu || YamlValue(*text, "use_cpu") == "true";
  disposition->reason =
      "the daemon leases the devices, and a single process "
      "trains, as it asks";
}

void Decide(const Setting& setting, const Surroundings& surroundings,
            AccelerateSettings* settings, Disposition* disposition) {
  disposition->does = Does::kIgnored;
  const auto refuse_if = [&](bool holds) {
    if (!holds) return;
    disposition->does = Does::kRefused;
    disposition->reason = kOneProcess;
  };
  switch (setting.meaning) {
    case Meaning::kSpeed:
      disposition->reason =
          "how accelerate starts and runs the script; the result is the same";
      return;
    case Meaning::kOther:
      disposition->reason =
          "says something to a way of training that is "
          "refused by itself";
      return;
    case Meaning::kProcesses:
      disposition->reason = "a single process trains";
      return refuse_if(IsAboveOne(disposition->value));
    case Meaning::kDevices:
      disposition->reason = "the daemon leases the devices";
      return refuse_if(absl::StrContains(disposition->value, ','));
    case Meaning::kSeveral:
      return refuse_if(true);
    case Meaning::kPrecision:
      disposition->reason =
          "the script's own --mixed_precision, or its default no, wins in "
          "sd-scripts too; give it behind the script's name";
      return;
    case Meaning::kCpu:
      settings->uses_cpu = true;
      disposition->does = Does::kOther;
      disposition->option = "device";
      disposition->option_value = "cpu";
      return;
    case Meaning::kConfig:
      return ReadConfigFile(surroundings, settings, disposition);
    case Meaning::kModule:
      settings->is_module = true;
      disposition->reason = "the module's name is read as the script's";
      return;
  }
}

absl::Status Unknown(absl::string_view typed) {
  std::vector<std::string> names;
  for (const Setting& setting : kSettings) {
    names.push_back(absl::StrCat("--", setting.name));
  }
  const std::string shown = ShownText(typed);
  return absl::InvalidArgumentError(absl::StrCat(
      "accelerate launch has no option ", shown, DidYouMean(shown, names)));
}

}  // namespace

absl::Status TakeAccelerateSettings(absl::Span<const std::string>* words,
                                    const Surroundings& surroundings,
                                    AccelerateSettings* settings) {
  while (!words->empty() && absl::StartsWith(words->front(), "-")) {
    const std::string& word = words->front();
    words->remove_prefix(1);
    const size_t equals = word.find('=');
    const std::string typed = word.substr(0, equals);
    const Setting* setting = FindSetting(LongName(typed));
    if (setting == nullptr) return Unknown(typed);
    Disposition disposition;
    disposition.given = absl::StrCat("accelerate ", typed);
    if (equals != word.npos) {
      disposition.value = word.substr(equals + 1);
    } else if (setting->takes_value && words->empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("accelerate launch: ", typed, " needs a value"));
    } else if (setting->takes_value) {
      disposition.value = words->front();
      words->remove_prefix(1);
    }
    Decide(*setting, surroundings, settings, &disposition);
    settings->dispositions.push_back(std::move(disposition));
  }
  return absl::OkStatus();
}

}  // namespace atelier::client::sd_scripts
