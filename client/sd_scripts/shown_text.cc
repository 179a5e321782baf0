#include "client/sd_scripts/shown_text.h"

#include "proto/cc/utf8.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr size_t kLimitBytes = 100;

}  // namespace

std::string ShownText(absl::string_view text) {
  // More than is shown, so that the cut leaves its mark.
  return CutUtf8(ToUtf8(text.substr(0, 2 * kLimitBytes)), kLimitBytes);
}

}  // namespace atelier::client::sd_scripts
