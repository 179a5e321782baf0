#include "trainer/train/same_run.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/utf8.h"
#include "trainer/train/record.h"

namespace atelier::trainer {
namespace {

constexpr size_t kMostOfValue = 40;

struct Change {
  std::string name;
  std::string before;  // empty: not set
  std::string now;
};

std::string Shown(const std::string& value) {
  return value.empty() ? "unset" : CutUtf8(ToUtf8(value), kMostOfValue);
}

std::string Sentence(const Change& change) {
  return absl::StrCat(change.name, " from ", Shown(change.before), " to ",
                      Shown(change.now));
}

std::vector<Change> FindChanges(const std::map<std::string, std::string>& now,
                                const nlohmann::json& saved) {
  std::map<std::string, Change> changes;
  for (const auto& [name, value] : now) changes[name] = {name, "", value};
  for (const auto& [name, value] : saved.items()) {
    Change& change = changes[name];
    change.name = name;
    if (value.is_string()) change.before = value.get<std::string>();
  }
  std::vector<Change> different;
  for (const auto& [name, change] : changes) {
    if (change.before != change.now) different.push_back(change);
  }
  return different;
}

// What to put into allow_changed for it.
std::string KindOf(const std::string& name) {
  if (name == kBaseModel || name == kDataset) return name;
  const Option* option = FindOption(name);
  return option == nullptr ? "options" : name;
}

bool IsAllowed(const std::string& name, const v1::RunOptions& run) {
  const auto has = [&](const std::string& allowed) {
    return std::find(run.allow_changed().begin(), run.allow_changed().end(),
                     allowed) != run.allow_changed().end();
  };
  if (name == kBaseModel || name == kDataset) return has(name);
  return has(name) || has("options") ||
         (IsModelSource(name) && has(kBaseModel)) ||
         (IsDatasetSource(name) && has(kDataset));
}

}  // namespace

absl::StatusOr<AllowedChanges> CheckSameRun(const Training& training,
                                            const nlohmann::json& saved,
                                            const std::string& state) {
  ASSIGN_OR_RETURN(const auto fingerprint, MakeFingerprint(training));
  AllowedChanges allowed;
  std::vector<std::string> refused;
  std::vector<std::string> remedy;
  for (const Change& change : FindChanges(fingerprint, saved)) {
    if (MayChange(change.name)) continue;
    if (IsAllowed(change.name, training.spec.training().run())) {
      allowed.changes.push_back(Sentence(change));
      allowed.of_dataset = allowed.of_dataset || change.name == kDataset;
      continue;
    }
    refused.push_back(Sentence(change));
    remedy.push_back(absl::StrCat("\"", KindOf(change.name), "\""));
  }
  if (refused.empty()) return allowed;
  return absl::InvalidArgumentError(absl::StrCat(
      "the training state ", state,
      " is of another run; changed: ", absl::StrJoin(refused, ", "),
      "; undo the change, or allow it with allow_changed = [",
      absl::StrJoin(remedy, ", "), "]"));
}

}  // namespace atelier::trainer
