#include "proto/cc/options_from_flags.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

#include "proto/cc/option_paths.h"
#include "proto/cc/options_schema.h"

namespace atelier {
namespace {

bool IsFlag(absl::string_view token) { return absl::StartsWith(token, "--"); }

class FlagReader {
 public:
  FlagReader(absl::Span<const std::string> tokens, v1::TrainingConfig* config)
      : tokens_(tokens), config_(config) {}

  std::vector<Violation> Read() {
    while (next_ < tokens_.size()) ReadOne(tokens_[next_++]);
    return std::move(violations_);
  }

 private:
  void ReadOne(const std::string& token) {
    if (!IsFlag(token)) {
      violations_.push_back(
          {token, absl::StrCat("unexpected argument \"", token,
                               "\"; an option begins with --")});
      return;
    }
    const size_t equals = token.find('=');
    const std::string typed = token.substr(2, equals - 2);
    std::optional<std::string> value;
    if (equals != token.npos) value = token.substr(equals + 1);
    const Option* option = FindOption(absl::StrReplaceAll(typed, {{"-", "_"}}));
    if (option == nullptr) {
      violations_.push_back({absl::StrCat("--", typed), UnknownOption(typed)});
      TakeValues();
      return;
    }
    Apply(*option, std::move(value));
  }

  void Apply(const Option& option, std::optional<std::string> value) {
    if (option.is_list()) {
      std::vector<std::string> values = TakeValues();
      if (value.has_value()) values.insert(values.begin(), *std::move(value));
      if (values.empty()) return Missing(option);
      for (const std::string& each : values) Set(option, each);
      return;
    }
    if (!value.has_value()) value = TakeValue(option);
    if (!value.has_value()) return Missing(option);
    Set(option, *value);
  }

  void Set(const Option& option, const std::string& text) {
    const absl::Status status = SetOptionFromText(option, text, config_);
    if (status.ok()) return;
    violations_.push_back({option.path, std::string(status.message())});
  }

  void Missing(const Option& option) {
    violations_.push_back(
        {option.path, absl::StrCat(option.name,
                                   " needs a value; one that begins with -- is "
                                   "written --",
                                   option.name, "=VALUE")});
  }

  std::optional<std::string> TakeValue(const Option& option) {
    const bool has_next = next_ < tokens_.size() && !IsFlag(tokens_[next_]);
    if (!option.is_flag()) {
      if (!has_next) return std::nullopt;
      return tokens_[next_++];
    }
    const bool says =
        has_next && (absl::EqualsIgnoreCase(tokens_[next_], "true") ||
                     absl::EqualsIgnoreCase(tokens_[next_], "false"));
    return says ? tokens_[next_++] : "true";
  }

  std::vector<std::string> TakeValues() {
    std::vector<std::string> values;
    while (next_ < tokens_.size() && !IsFlag(tokens_[next_])) {
      values.push_back(tokens_[next_++]);
    }
    return values;
  }

  absl::Span<const std::string> tokens_;
  v1::TrainingConfig* config_;
  size_t next_ = 0;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> OptionsFromFlags(absl::Span<const std::string> tokens,
                                        const std::string& base_dir,
                                        v1::TrainingConfig* config) {
  v1::TrainingConfig given;
  std::vector<Violation> violations = FlagReader(tokens, &given).Read();
  MakePathsAbsolute(base_dir, &given);
  OverrideOptions(given, config);
  return violations;
}

}  // namespace atelier
