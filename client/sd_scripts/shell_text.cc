#include "client/sd_scripts/shell_text.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "client/sd_scripts/shell_dialect.h"
#include "client/sd_scripts/shell_word.h"
#include "proto/cc/status_macros.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr size_t kTextLimitBytes = size_t{1} << 20;

class ShellReader {
 public:
  ShellReader(absl::string_view text, const Environment& environment)
      : text_(text),
        environment_(environment),
        is_windows_(IsWindowsText(text)) {}

  absl::StatusOr<std::vector<ShellCommand>> Read() {
    while (at_ < text_.size()) RETURN_IF_ERROR(Step());
    EndCommand();
    return std::move(commands_);
  }

 private:
  absl::Status Step() {
    if (const size_t length =
            ContinuationLength(text_.substr(at_), is_windows_)) {
      ++line_;
      at_ += length;
      return absl::OkStatus();
    }
    const char c = text_[at_];
    if (c == '\n') {
      EndCommand();
      ++line_;
      ++at_;
      return absl::OkStatus();
    }
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      EndWord();
      ++at_;
      return absl::OkStatus();
    }
    if (c == '#' && !word_.has_value()) {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return absl::OkStatus();
    }
    if (c == ';' || c == '|' || c == '&') return Separate();
    if (c == '<' || c == '>') return Redirect();
    return AddToWord();
  }

  absl::Status AddToWord() {
    const char c = text_[at_];
    if (c == '\'') return SingleQuoted();
    if (c == '"') return DoubleQuoted();
    if (c == '`' && !is_windows_) {
      return Fail("a command in backquotes is not run");
    }
    if (c == '$') return Variable(false);
    if (c == '\\' && !is_windows_) {
      ++at_;
      if (at_ < text_.size()) Append(text_.substr(at_++, 1), true);
      return absl::OkStatus();
    }
    const bool is_home =
        c == '~' && !word_.has_value() &&
        (at_ + 1 == text_.size() || text_[at_ + 1] == '/' ||
         absl::ascii_isspace(static_cast<unsigned char>(text_[at_ + 1])));
    const std::string home = is_home ? environment_("HOME") : "";
    Append(home.empty() ? text_.substr(at_, 1) : absl::string_view(home),
           !home.empty());
    ++at_;
    return absl::OkStatus();
  }

  absl::Status SingleQuoted() {
    const size_t end = text_.find('\'', at_ + 1);
    if (end == text_.npos) return Fail("a ' has no second one");
    AppendLines(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return absl::OkStatus();
  }

  absl::Status DoubleQuoted() {
    const int first_line = line_;
    Append("", true);
    for (++at_; at_ < text_.size() && text_[at_] != '"';) {
      const char c = text_[at_];
      if (c == '$' && !is_windows_) {
        RETURN_IF_ERROR(Variable(true));
        continue;
      }
      if (c == '`' && !is_windows_) {
        return Fail("a command in backquotes is not run");
      }
      const size_t continued =
          ContinuationLength(text_.substr(at_), is_windows_);
      const bool escapes = c == '\\' && !is_windows_ &&
                           at_ + 1 < text_.size() &&
                           absl::string_view("$`\"\\").find(text_[at_ + 1]) !=
                               absl::string_view::npos;
      if (continued != 0) {
        ++line_;
        at_ += continued;
        continue;
      }
      if (escapes) ++at_;
      AppendLines(text_.substr(at_++, 1));
    }
    if (at_ == text_.size()) {
      line_ = first_line;
      return Fail("a \" has no second one");
    }
    ++at_;
    return absl::OkStatus();
  }

  // $NAME and ${NAME}; without quotes the value is cut into words.
  absl::Status Variable(bool is_quoted) {
    size_t begin = at_ + 1;
    const bool has_brace = begin < text_.size() && text_[begin] == '{';
    if (has_brace) ++begin;
    size_t end = begin;
    while (end < text_.size() && IsNameByte(text_[end])) ++end;
    const std::string name(text_.substr(begin, end - begin));
    const bool is_closed =
        !has_brace || (end < text_.size() && text_[end] == '}');
    const bool is_name =
        !name.empty() &&
        !absl::ascii_isdigit(static_cast<unsigned char>(name[0]));
    if (is_windows_ ||
        (name.empty() && !has_brace && !StartsExpansion(begin))) {
      Append("$", is_quoted);
      ++at_;
      return absl::OkStatus();
    }
    if (!is_name || !is_closed) {
      return Fail(
          "only $NAME and ${NAME} are replaced; write the value in its place");
    }
    const auto found = variables_.find(name);
    const std::string value =
        found != variables_.end() ? found->second : environment_(name.c_str());
    if (found == variables_.end() && value.empty()) {
      return Fail(absl::StrCat("variable ", name,
                               " is not set; set it before, as NAME=value"));
    }
    at_ = end + (has_brace ? 1 : 0);
    if (is_quoted) {
      Append(value, true);
    } else {
      AppendSplit(value);
    }
    return absl::OkStatus();
  }

  bool StartsExpansion(size_t at) const {
    return at < text_.size() &&
           absl::string_view("(@*#?!-$'\"").find(text_[at]) !=
               absl::string_view::npos;
  }

  void AppendSplit(absl::string_view value) {
    for (const char c : value) {
      if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
        EndWord();
      } else {
        Append(absl::string_view(&c, 1), true);
      }
    }
  }

  absl::Status Separate() {
    const char c = text_[at_];
    if (c == '&' && at_ + 1 < text_.size() && text_[at_ + 1] == '>') {
      ++at_;
      return Redirect();
    }
    EndCommand();
    at_ += at_ + 1 < text_.size() && text_[at_ + 1] == c ? 2 : 1;
    return absl::OkStatus();
  }

  // The file of a redirection is dropped, like the number before it.
  absl::Status Redirect() {
    if (absl::string_view(text_).substr(at_, 2) == "<<") {
      return Fail("a here-document is not read; put the command into the file");
    }
    if (word_.has_value() && word_->IsBareNumber()) word_.reset();
    EndWord();
    while (at_ < text_.size() && (text_[at_] == '>' || text_[at_] == '<' ||
                                  text_[at_] == '&' || text_[at_] == '|')) {
      ++at_;
    }
    drops_next_word_ = true;
    return absl::OkStatus();
  }

  void Append(absl::string_view piece, bool is_quoted) {
    if (!word_.has_value()) word_.emplace();
    word_->Append(piece, is_quoted);
  }

  void AppendLines(absl::string_view piece) {
    Append(piece, true);
    line_ += static_cast<int>(std::count(piece.begin(), piece.end(), '\n'));
  }

  void EndWord() {
    if (!word_.has_value()) return;
    if (drops_next_word_) {
      drops_next_word_ = false;
    } else {
      AddWord(word_->text(), word_->IsAssignment());
    }
    word_.reset();
  }

  void AddWord(const std::string& word, bool is_assignment) {
    if (command_.words.empty() && command_.assignments.empty()) {
      command_.line = line_;
    }
    const bool exports =
        command_.words.size() == 1 &&
        (command_.words[0] == "export" || command_.words[0] == "set");
    if (is_assignment && (command_.words.empty() || exports)) {
      command_.assignments.push_back(word);
    } else {
      command_.words.push_back(word);
    }
  }

  void EndCommand() {
    EndWord();
    drops_next_word_ = false;
    const std::string name = command_.words.empty() ? "" : command_.words[0];
    if (name == "cd" && command_.words.size() == 2) {
      folder_ = (std::filesystem::path(folder_) / command_.words[1]).string();
    } else if (name.empty() || name == "export" || name == "set") {
      for (const std::string& each : command_.assignments) {
        const size_t equals = each.find('=');
        variables_[each.substr(0, equals)] = each.substr(equals + 1);
      }
    } else {
      command_.folder = folder_;
      commands_.push_back(command_);
    }
    command_ = {};
  }

  absl::Status Fail(absl::string_view message) const {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line_, " of the command: ", message));
  }

  absl::string_view text_;
  const Environment& environment_;
  const bool is_windows_;
  size_t at_ = 0;
  int line_ = 1;
  std::optional<ShellWord> word_;
  bool drops_next_word_ = false;
  ShellCommand command_;
  std::string folder_;
  std::map<std::string, std::string> variables_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

absl::StatusOr<std::vector<ShellCommand>> ReadShellText(
    absl::string_view text, const Environment& environment) {
  if (text.size() > kTextLimitBytes) {
    return absl::InvalidArgumentError(
        "the command is larger than 1 MiB; that is no command");
  }
  if (text.find('\0') != text.npos) {
    return absl::InvalidArgumentError(
        "the command has a NUL byte; it must be plain text");
  }
  return ShellReader(text, environment).Read();
}

}  // namespace atelier::client::sd_scripts
