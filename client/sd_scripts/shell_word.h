// A word of a shell command while it is being read: its text, and how much of
// its beginning stood there without quotes.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace atelier::client::sd_scripts {

class ShellWord {
 public:
  void Append(absl::string_view piece, bool is_quoted);

  const std::string& text() const { return text_; }
  // NAME= without quotes, whatever the value was written like.
  bool IsAssignment() const;
  // Digits alone, as before a redirection.
  bool IsBareNumber() const;

 private:
  std::string text_;
  bool is_bare_ = true;
  size_t bare_bytes_ = 0;
};

// A letter, a digit or _.
bool IsNameByte(char c);

}  // namespace atelier::client::sd_scripts
