#include "proto/cc/options_validate.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/option_rules.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/utf8.h"

namespace atelier {
namespace {

constexpr int64_t kTimeLimitSeconds = int64_t{3650} * 86400;

constexpr size_t kNameLimit = 128;
constexpr size_t kLabelKeyLimit = 64;
constexpr size_t kLabelValueLimit = 256;
constexpr int kLabelLimit = 64;
constexpr int kMaxAttemptsLimit = 100;
constexpr int64_t kStopGraceLimitSeconds = 86400;

bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_iscntrl(c); });
}

void CheckLabels(const v1::JobSpec& spec, std::vector<Violation>* out) {
  if (spec.labels_size() > kLabelLimit) {
    out->push_back({"labels", absl::StrCat("there are ", spec.labels_size(),
                                           " labels; at most ", kLabelLimit,
                                           " are allowed")});
  }
  for (const auto& [key, value] : spec.labels()) {
    const bool is_key =
        !key.empty() && key.size() <= kLabelKeyLimit &&
        std::all_of(key.begin(), key.end(), [](unsigned char c) {
          return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' ||
                 c == '/';
        });
    if (!is_key) {
      out->push_back(
          {"labels", absl::StrCat("label \"", CutUtf8(key, 80),
                                  "\" must be of 1 to 64 letters, digits and "
                                  "the characters _ - . /")});
    }
    if (value.size() > kLabelValueLimit || HasControlCharacter(value)) {
      out->push_back({absl::StrCat("labels.", key),
                      absl::StrCat("the value of label ", key,
                                   " must be at most 256 bytes long, without "
                                   "control characters")});
    }
  }
}

void CheckResources(const v1::JobSpec& spec, std::vector<Violation>* out) {
  const v1::DeviceRequest& devices = spec.devices();
  if (devices.count() < 0) {
    out->push_back({"devices.count", absl::StrCat("count is ", devices.count(),
                                                  "; must be at least 1")});
  }
  if (devices.min_vram_bytes() < 0 || devices.host_memory_bytes() < 0) {
    out->push_back({"devices", "min_vram and host_memory cannot be negative"});
  }
  const bool is_plain = std::all_of(
      devices.model().begin(), devices.model().end(),
      [](char c) { return absl::ascii_isprint(c) && c != '"' && c != '\\'; });
  if (devices.model().size() > 128 || !is_plain) {
    out->push_back({"devices.model",
                    "model has at most 128 printable characters, quotes and "
                    "backslashes not among them"});
  }
  const bool wants_cpu = devices.type() == v1::DEVICE_TYPE_CPU;
  if (wants_cpu && (devices.min_vram_bytes() > 0 || !devices.model().empty())) {
    out->push_back({"devices",
                    "min_vram and model are for GPUs; the job asks "
                    "for the CPU"});
  }
  if (!spec.has_time_limit()) return;
  const auto& limit = spec.time_limit();
  if (limit.seconds() < 0 || limit.nanos() < 0 ||
      limit.seconds() + limit.nanos() == 0 ||
      limit.seconds() > kTimeLimitSeconds) {
    out->push_back({"time_limit",
                    "time_limit must be above zero and at most "
                    "ten years"});
  }
}

void CheckLimits(const v1::JobSpec& spec, std::vector<Violation>* out) {
  if (spec.name().size() > kNameLimit || HasControlCharacter(spec.name())) {
    out->push_back({"name",
                    "name must be at most 128 bytes long, without control "
                    "characters"});
  }
  if (spec.max_attempts() < 0 || spec.max_attempts() > kMaxAttemptsLimit) {
    out->push_back(
        {"max_attempts",
         absl::StrCat("max_attempts is ", spec.max_attempts(),
                      "; must be at least 0 and at most ", kMaxAttemptsLimit)});
  }
  if (spec.stop_grace().seconds() < 0 || spec.stop_grace().nanos() < 0 ||
      spec.stop_grace().seconds() > kStopGraceLimitSeconds) {
    out->push_back(
        {"stop_grace", "stop_grace must be from 0 to 86400 seconds"});
  }
  CheckResources(spec, out);
}

void CheckTaken(v1::Architecture architecture, const Option& option,
                std::vector<Violation>* out) {
  if (option.TakenBy(architecture)) return;
  std::string takers;
  for (const int taker : option.info.architectures()) {
    absl::StrAppend(&takers, takers.empty() ? "" : ", ",
                    ArchitectureName(static_cast<v1::Architecture>(taker)));
  }
  out->push_back(
      {option.path, absl::StrCat(option.name, " is not an option of ",
                                 ArchitectureName(architecture),
                                 "; it is one of ", takers)});
}

}  // namespace

std::vector<Violation> ValidateJobSpec(const v1::JobSpec& spec) {
  std::vector<Violation> violations;
  if (!v1::Architecture_IsValid(spec.architecture()) ||
      spec.architecture() == v1::ARCHITECTURE_UNSPECIFIED) {
    std::string known;
    for (const std::string& name : ArchitectureNames()) {
      absl::StrAppend(&known, known.empty() ? "" : ", ", name);
    }
    violations.push_back(
        {"architecture",
         absl::StrCat("architecture must be given; one of ", known)});
  }
  CheckLimits(spec, &violations);
  CheckLabels(spec, &violations);
  const std::vector<Violation> options =
      ValidateTraining(spec.architecture(), spec.training());
  violations.insert(violations.end(), options.begin(), options.end());
  return violations;
}

std::vector<Violation> ValidateTraining(v1::Architecture architecture,
                                        const v1::TrainingConfig& config) {
  std::vector<Violation> violations;
  for (const Option* option : SetOptions(config)) {
    const absl::Status status = CheckOption(*option, config);
    if (!status.ok()) {
      violations.push_back({option->path, std::string(status.message())});
    }
    if (architecture != v1::ARCHITECTURE_UNSPECIFIED) {
      CheckTaken(architecture, *option, &violations);
    }
  }
  v1::TrainingConfig filled = config;
  FillDefaults(architecture, &filled);
  for (const Option& option : AllOptions()) {
    if (option.info.required() && option.TakenBy(architecture) &&
        !IsSet(option, filled)) {
      violations.push_back(
          {option.path, absl::StrCat(option.name, " must be given")});
    }
  }
  CheckRules(architecture, filled, &violations);
  return violations;
}

std::vector<std::string> OptionWarnings(v1::Architecture architecture,
                                        const v1::TrainingConfig& config) {
  std::vector<std::string> warnings;
  for (const Option* option : SetOptions(config)) {
    if (!option->info.note().empty()) {
      warnings.push_back(absl::StrCat(option->name, ": ", option->info.note()));
    }
  }
  v1::TrainingConfig filled = config;
  FillDefaults(architecture, &filled);
  AddEffectWarnings(config, filled, &warnings);
  return warnings;
}

}  // namespace atelier
