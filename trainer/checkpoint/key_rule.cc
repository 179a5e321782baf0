#include "trainer/checkpoint/key_rule.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr size_t kMaxListed = 20;

std::string FirstFew(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMaxListed);
  std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  if (names.size() > shown) {
    absl::StrAppend(&text, " and ", names.size() - shown, " more");
  }
  return text;
}

// The placeholders of a pattern, in order: `{*{`.
std::string Places(const std::string& pattern) {
  std::string places;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') places += '*';
    if (pattern.compare(i, 2, "{}") == 0) places += '{';
  }
  return places;
}

// Matches from `at` in the pattern and `from` in the name on; `*` takes the
// shortest text that lets the rest match.
bool MatchFrom(const std::string& pattern, size_t at, const std::string& name,
               size_t from, std::vector<std::string>& values) {
  while (at < pattern.size() && pattern[at] != '*' &&
         pattern.compare(at, 2, "{}") != 0) {
    if (from >= name.size() || pattern[at] != name[from]) return false;
    ++at;
    ++from;
  }
  if (at == pattern.size()) return from == name.size();
  const bool number = pattern[at] == '{';
  for (size_t end = from + 1; end <= name.size(); ++end) {
    if (number && std::isdigit(static_cast<unsigned char>(name[end - 1])) == 0)
      return false;
    const bool digit_follows =
        end < name.size() &&
        std::isdigit(static_cast<unsigned char>(name[end])) != 0;
    if (number && digit_follows) continue;
    values.push_back(name.substr(from, end - from));
    if (MatchFrom(pattern, at + (number ? 2 : 1), name, end, values))
      return true;
    values.pop_back();
  }
  return false;
}

// Puts the parts of each joined tensor in order; returns the names of those
// with missing parts.
std::vector<std::string> SortParts(KeyMap::Plan& plan) {
  std::vector<std::string> incomplete;
  for (auto& [target, pieces] : plan.targets) {
    if (pieces[0].op.kind != KeyOp::Kind::kPart) continue;
    std::sort(pieces.begin(), pieces.end(),
              [](const KeyPiece& a, const KeyPiece& b) {
                return a.op.part < b.op.part;
              });
    bool complete = static_cast<int>(pieces.size()) == pieces[0].op.parts;
    for (size_t i = 0; complete && i < pieces.size(); ++i) {
      complete = pieces[i].op.part == static_cast<int>(i);
    }
    if (!complete) incomplete.push_back(target);
  }
  return incomplete;
}

}  // namespace

std::optional<std::vector<std::string>> MatchKey(const std::string& pattern,
                                                 const std::string& name) {
  std::vector<std::string> values;
  if (!MatchFrom(pattern, 0, name, 0, values)) return std::nullopt;
  return values;
}

std::string FillKey(const std::string& pattern,
                    const std::vector<std::string>& values) {
  std::string name;
  size_t used = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool number = pattern.compare(i, 2, "{}") == 0;
    if ((number || pattern[i] == '*') && used < values.size()) {
      name += values[used++];
      if (number) ++i;
    } else {
      name += pattern[i];
    }
  }
  return name;
}

absl::StatusOr<KeyMap> KeyMap::Make(std::vector<KeyRule> rules) {
  std::map<std::string, std::vector<size_t>> parts;
  std::vector<Rule> checked;
  for (KeyRule& rule : rules) {
    if (Places(rule.from) != Places(rule.to)) {
      return absl::InvalidArgumentError(absl::StrCat("key rule '", rule.from,
                                                     "' -> '", rule.to,
                                                     "': placeholders differ"));
    }
    if (rule.op.kind == KeyOp::Kind::kPart) {
      parts[rule.to].push_back(checked.size());
    }
    checked.push_back({std::move(rule), 0, 1});
  }
  for (const auto& [to, members] : parts) {
    int64_t total = 0;
    for (size_t i = 0; i < members.size(); ++i) {
      const KeyOp& op = checked[members[i]].rule.op;
      if (op.part != static_cast<int>(i) || op.share < 1 ||
          op.parts != static_cast<int>(members.size())) {
        return absl::InvalidArgumentError(absl::StrCat(
            "key rules for '", to, "': part ", op.part, " of ", op.parts,
            " stands as number ", i, " of ", members.size()));
      }
      checked[members[i]].first_share = total;
      total += op.share;
    }
    for (size_t member : members) checked[member].total_shares = total;
  }
  return KeyMap(std::move(checked));
}

absl::StatusOr<KeyMap::Plan> KeyMap::MakePlan(
    const std::vector<std::string>& names, KeyDirection direction) const {
  const bool forward = direction == KeyDirection::kForward;
  Plan plan;
  std::set<std::string> doubled;
  for (const std::string& name : names) {
    bool matched = false;
    for (const Rule& rule : rules_) {
      // Backward, the parts of one tensor are the only rows that share a name.
      const bool is_part = rule.rule.op.kind == KeyOp::Kind::kPart;
      if (matched && (forward || !is_part)) continue;
      const auto values =
          MatchKey(forward ? rule.rule.from : rule.rule.to, name);
      if (!values) continue;
      matched = true;
      const std::string target =
          FillKey(forward ? rule.rule.to : rule.rule.from, *values);
      std::vector<Piece>& pieces = plan.targets[target];
      if (!pieces.empty() && !(forward && is_part)) doubled.insert(target);
      pieces.push_back(
          {name, rule.rule.op, rule.first_share, rule.total_shares});
    }
    if (!matched) plan.unmatched.push_back(name);
  }
  std::vector<std::string> incomplete;
  if (forward) incomplete = SortParts(plan);
  if (!doubled.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "two tensors give ",
        FirstFew(std::vector<std::string>(doubled.begin(), doubled.end()))));
  }
  if (!incomplete.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("parts are missing of ", FirstFew(incomplete)));
  }
  return plan;
}

absl::StatusOr<std::map<std::string, Tensor>> KeyMap::Apply(
    const std::map<std::string, Tensor>& tensors,
    KeyDirection direction) const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(names, direction));
  if (!plan.unmatched.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no rule for the names ", FirstFew(plan.unmatched)));
  }
  std::map<std::string, Tensor> result;
  for (const auto& [target, pieces] : plan.targets) {
    std::vector<Tensor> parts;
    for (const Piece& piece : pieces) parts.push_back(tensors.at(piece.source));
    ASSIGN_OR_RETURN(result[target],
                     AssembleTensor(target, pieces, parts, direction));
  }
  return result;
}

absl::Status KeyMap::CheckRoundTrip(
    const std::map<std::string, Tensor>& tensors) const {
  ASSIGN_OR_RETURN(const auto there, Apply(tensors, KeyDirection::kForward));
  ASSIGN_OR_RETURN(const auto back, Apply(there, KeyDirection::kBackward));
  for (const auto& [name, tensor] : tensors) {
    const auto found = back.find(name);
    if (found == back.end()) {
      return absl::InternalError(
          absl::StrCat("'", name, "' does not come back"));
    }
    if (found->second.sizes() != tensor.sizes() ||
        !found->second.equal(tensor)) {
      return absl::InternalError(
          absl::StrCat("'", name, "' comes back changed"));
    }
  }
  if (back.size() != tensors.size()) {
    return absl::InternalError(
        absl::StrCat(back.size(), " names come back of ", tensors.size()));
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer
