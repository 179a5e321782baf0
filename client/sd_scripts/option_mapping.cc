#include "client/sd_scripts/option_mapping.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/sd_scripts/special_cases.h"
#include "proto/cc/options_schema.h"

namespace atelier::client::sd_scripts {
namespace {

Does DoesOf(Action action) {
  switch (action) {
    case Action::kOther:
      return Does::kOther;
    case Action::kIgnored:
      return Does::kIgnored;
    case Action::kRefused:
      return Does::kRefused;
    default:
      return Does::kSame;
  }
}

// Values that sd-scripts takes for none.
bool IsAsUnset(const GivenOption& option, const Treatment& treatment) {
  const OptionRow& row = *option.row;
  if (row.kind == ValueKind::kFlag) return false;
  if (option.values.empty()) return true;
  const std::string& value = option.values.front();
  const bool is_choice =
      treatment.option != nullptr &&
      (treatment.option->info.choices_size() > 0 ||
       treatment.option->info.path() != v1::PATH_KIND_UNSPECIFIED);
  if (value.empty()) return is_choice || row.action == Action::kIgnored;
  double number = 0;
  if (!row.zero_is_unset || !absl::SimpleAtod(value, &number)) return false;
  return row.kind == ValueKind::kInteger ? number <= 0 : number == 0;
}

Disposition Describe(const GivenOption& option) {
  Disposition disposition;
  disposition.given =
      option.is_from_file()
          ? absl::StrCat(option.row->name, " (", option.place, ")")
          : absl::StrCat("--", option.row->name);
  if (!option.row->is_secret) {
    disposition.value = absl::StrJoin(option.values, " ");
  }
  return disposition;
}

absl::Status SetAll(const Option& option, const OptionRow& row,
                    const std::vector<std::string>& values,
                    v1::TrainingConfig* training) {
  ResetOption(option, training);
  if (row.kind == ValueKind::kFlag) {
    return SetOptionFromText(option, "true", training);
  }
  for (const std::string& value : values) {
    const absl::Status status = SetOptionFromText(option, value, training);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<Violation> MapOptions(const Reading& reading,
                                  v1::TrainingConfig* training,
                                  std::vector<Disposition>* dispositions) {
  std::vector<Violation> violations;
  for (const GivenOption& option : reading.given.all()) {
    const SpecialCase special = SpecialCaseOf(option, reading);
    const Treatment treatment = special.treatment.value_or(
        TreatmentOf(*option.row, reading.script, reading.architecture));
    Disposition disposition = Describe(option);
    disposition.does = DoesOf(treatment.action);
    disposition.reason = treatment.reason;
    if (IsAsUnset(option, treatment)) {
      disposition.does = Does::kIgnored;
      disposition.reason = "sd-scripts takes this value for none";
    } else if (treatment.option != nullptr) {
      const std::vector<std::string> values =
          special.values.empty() ? option.values : special.values;
      const absl::Status status =
          SetAll(*treatment.option, *option.row, values, training);
      if (!status.ok()) {
        violations.push_back(
            {treatment.option->path, std::string(status.message())});
      }
      disposition.option = treatment.option->name;
      disposition.option_value =
          values.empty() ? "true" : absl::StrJoin(values, " ");
    }
    dispositions->push_back(std::move(disposition));
  }
  const bool has_captions =
      reading.given.Has("in_json") || reading.given.Has("dataset_config");
  if (reading.script.letter == 'F' && !has_captions) {
    violations.push_back({"in_json",
                          "fine_tune.py takes captions from --in_json or "
                          "--dataset_config; give one of them"});
  }
  return violations;
}

}  // namespace atelier::client::sd_scripts
