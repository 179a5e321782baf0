#include "client/arguments.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::client {
namespace {

bool IsFlagToken(absl::string_view token) {
  return token.size() > 1 && token[0] == '-' &&
         !absl::ascii_isdigit(static_cast<unsigned char>(token[1])) &&
         token[1] != '.';
}

class ArgumentParser {
 public:
  ArgumentParser(const Signature& signature,
                 absl::Span<const std::string> tokens)
      : signature_(signature), tokens_(tokens) {}

  absl::StatusOr<Arguments> Parse() {
    while (next_ < tokens_.size() && !result_.has_command) {
      RETURN_IF_ERROR(Take(tokens_[next_++]));
    }
    if (!result_.Has("help") &&
        result_.positional.size() < signature_.min_arguments) {
      return absl::InvalidArgumentError(
          absl::StrCat("missing argument ", signature_.arguments));
    }
    return std::move(result_);
  }

 private:
  absl::Status Take(const std::string& token) {
    if (token == "--" && signature_.takes_command) {
      result_.has_command = true;
      result_.command.assign(tokens_.begin() + next_, tokens_.end());
      return absl::OkStatus();
    }
    if (!IsFlagToken(token)) return TakePlain(token);
    const size_t equals = token.find('=');
    const std::string typed = token.substr(0, equals);
    const Flag* flag = Find(typed);
    if (flag == nullptr) {
      const bool is_option =
          signature_.takes_options &&
          (absl::StartsWith(token, "--") || !result_.options.empty());
      if (!is_option) return Unknown(typed);
      result_.options.push_back(token);
      return absl::OkStatus();
    }
    std::vector<std::string>& values = result_.flags[flag->name];
    if (flag->value_name.empty()) {
      if (equals != token.npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", flag->name, " takes no value"));
      }
      values.push_back("");
    } else if (equals != token.npos) {
      values.push_back(token.substr(equals + 1));
    } else if (flag->value_is_optional &&
               (next_ == tokens_.size() || IsFlagToken(tokens_[next_]))) {
      values.push_back("");
    } else if (next_ < tokens_.size()) {
      values.push_back(tokens_[next_++]);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag->name, " needs a value ", flag->value_name));
    }
    return absl::OkStatus();
  }

  absl::Status TakePlain(const std::string& token) {
    if (result_.options.empty() &&
        result_.positional.size() < signature_.max_arguments) {
      result_.positional.push_back(token);
      return absl::OkStatus();
    }
    if (!signature_.takes_options || result_.options.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument \"", token, "\""));
    }
    result_.options.push_back(token);
    return absl::OkStatus();
  }

  const Flag* Find(absl::string_view typed) const {
    const std::string name = absl::StrReplaceAll(typed, {{"_", "-"}});
    const auto matches = [&](const Flag& flag) {
      if (typed.size() == 2) return flag.letter == typed[1];
      return name == absl::StrCat("--", flag.name);
    };
    for (const Flag& flag : signature_.flags) {
      if (matches(flag)) return &flag;
    }
    for (const Flag& flag : CommonFlags()) {
      if (matches(flag)) return &flag;
    }
    return nullptr;
  }

  absl::Status Unknown(const std::string& typed) const {
    std::vector<std::string> known;
    for (const Flag& flag : signature_.flags) {
      known.push_back(absl::StrCat("--", flag.name));
    }
    for (const Flag& flag : CommonFlags()) {
      known.push_back(absl::StrCat("--", flag.name));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", typed, DidYouMean(typed, known)));
  }

  const Signature& signature_;
  absl::Span<const std::string> tokens_;
  size_t next_ = 0;
  Arguments result_;
};

}  // namespace

std::string Arguments::Value(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? "" : found->second.back();
}

absl::Span<const Flag> CommonFlags() {
  static const auto* const kFlags = new std::vector<Flag>{
      {"server", "ADDRESS", "The daemon: unix:/path/to/socket, or host:port"},
      {"json", "", "Prints JSON, one object a line; errors too"},
      {"help", "", "Explains the command", 'h'}};
  return *kFlags;
}

absl::StatusOr<Arguments> ParseArguments(const Signature& signature,
                                         absl::Span<const std::string> tokens) {
  return ArgumentParser(signature, tokens).Parse();
}

absl::StatusOr<int64_t> ParseJobId(absl::string_view text) {
  int64_t id = 0;
  if (absl::SimpleAtoi(text, &id) && id > 0) return id;
  return absl::InvalidArgumentError(absl::StrCat(
      "job id is \"", text, "\"; must be a number as `atelier list` shows it"));
}

absl::StatusOr<int64_t> ParseInteger(absl::string_view flag,
                                     absl::string_view text, int64_t low) {
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= low) return number;
  return absl::InvalidArgumentError(absl::StrCat(
      "--", flag, " is \"", text, "\"; must be an integer of at least ", low));
}

}  // namespace atelier::client
