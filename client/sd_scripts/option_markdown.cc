#include "client/sd_scripts/option_markdown.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "client/sd_scripts/option_row.h"

namespace atelier::client::sd_scripts {
namespace {

std::string TreatmentText(const Treatment& treatment, const char* remark) {
  const std::string reason =
      treatment.reason.empty() ? remark : treatment.reason;
  switch (treatment.action) {
    case Action::kSame:
      return absl::StrCat("the same", reason.empty() ? "" : "; ", reason);
    case Action::kOther:
      return absl::StrCat("`", treatment.option->name, "`",
                          reason.empty() ? "" : "; ", reason);
    case Action::kRead:
      return reason;
    case Action::kIgnored:
      return absl::StrCat("ignored: ", reason);
    case Action::kRefused:
      return absl::StrCat("**refused**: ", reason);
  }
  return "";
}

// Scripts with the same outcome, in their order.
using Outcome = std::pair<std::string, std::vector<std::string>>;

std::vector<Outcome> OutcomesOf(absl::string_view name) {
  std::vector<Outcome> outcomes;
  for (const Script& script : AllScripts()) {
    const OptionRow* row = FindRow(name, script);
    if (row == nullptr) continue;
    const std::string text = TreatmentText(
        TreatmentOf(*row, script, script.architecture), row->remark);
    std::vector<std::string>* labels = nullptr;
    for (Outcome& outcome : outcomes) {
      if (outcome.first == text) labels = &outcome.second;
    }
    if (labels == nullptr) {
      labels = &outcomes.emplace_back(text, std::vector<std::string>()).second;
    }
    labels->push_back(script.label);
  }
  return outcomes;
}

std::string Cell(const std::vector<Outcome>& outcomes) {
  if (outcomes.size() == 1) return outcomes.front().first;
  std::vector<std::string> parts;
  for (const auto& [text, labels] : outcomes) {
    parts.push_back(absl::StrCat(absl::StrJoin(labels, ", "), ": ", text));
  }
  return absl::StrJoin(parts, "<br>");
}

std::string ScriptsOf(const std::vector<Outcome>& outcomes) {
  std::vector<std::string> labels;
  for (const Script& script : AllScripts()) {
    for (const Outcome& outcome : outcomes) {
      for (const std::string& label : outcome.second) {
        if (label == script.label) labels.push_back(label);
      }
    }
  }
  const bool is_all = labels.size() == AllScripts().size();
  return is_all ? "all" : absl::StrJoin(labels, " ");
}

}  // namespace

std::string OptionTable() {
  std::map<std::string, std::vector<Outcome>> options;
  for (const OptionRow& row : AllRows()) {
    options.emplace(row.name, OutcomesOf(row.name));
  }
  std::string table = "| option | scripts | in a job |\n| --- | --- | --- |\n";
  for (const auto& [name, outcomes] : options) {
    absl::StrAppend(&table, "| `", name, "` | ", ScriptsOf(outcomes), " | ",
                    absl::StrReplaceAll(Cell(outcomes), {{"|", "\\|"}}),
                    " |\n");
  }
  return table;
}

}  // namespace atelier::client::sd_scripts
