#include "client/sd_scripts/option_row.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"

namespace atelier::client::sd_scripts {

const OptionRow* FindRow(absl::string_view name, const Script& script) {
  for (const OptionRow& row : AllRows()) {
    if (name == row.name && absl::StrContains(row.scripts, script.letter)) {
      return &row;
    }
  }
  return nullptr;
}

std::vector<std::string> RowNames(const Script& script) {
  std::vector<std::string> names;
  for (const OptionRow& row : AllRows()) {
    if (absl::StrContains(row.scripts, script.letter))
      names.push_back(row.name);
  }
  return names;
}

Treatment TreatmentOf(const OptionRow& row, const Script& script,
                      v1::Architecture architecture) {
  if (row.action != Action::kSame && row.action != Action::kOther) {
    return {row.action, nullptr, row.reason};
  }
  if (row.heard != nullptr && !absl::StrContains(row.heard, script.letter)) {
    return {Action::kIgnored, nullptr, "sd-scripts does nothing with it"};
  }
  const char* name = *row.target == '\0' ? row.name : row.target;
  const Option* option = FindOption(name);
  if (option != nullptr && option->TakenBy(architecture)) {
    return {row.action, option, row.reason};
  }
  return {Action::kRefused, nullptr,
          absl::StrCat("Atelier has no such option for ",
                       ArchitectureName(architecture), "; leave it out")};
}

}  // namespace atelier::client::sd_scripts
