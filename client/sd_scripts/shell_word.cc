#include "client/sd_scripts/shell_word.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace atelier::client::sd_scripts {
namespace {

bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

}  // namespace

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

void ShellWord::Append(absl::string_view piece, bool is_quoted) {
  is_bare_ = is_bare_ && !is_quoted;
  absl::StrAppend(&text_, piece);
  if (is_bare_) bare_bytes_ = text_.size();
}

bool ShellWord::IsAssignment() const {
  const size_t equals = text_.find('=');
  if (equals == text_.npos || equals == 0 || equals >= bare_bytes_) {
    return false;
  }
  return !IsDigit(text_[0]) &&
         std::all_of(text_.begin(),
                     text_.begin() + static_cast<std::ptrdiff_t>(equals),
                     IsNameByte);
}

bool ShellWord::IsBareNumber() const {
  return bare_bytes_ == text_.size() &&
         std::all_of(text_.begin(), text_.end(), IsDigit);
}

}  // namespace atelier::client::sd_scripts
