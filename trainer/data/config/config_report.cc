#include "trainer/data/config/config_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace atelier::trainer {
namespace {

constexpr size_t kMaxLines = 100;

}  // namespace

void ConfigReport::WarnOnce(const std::string& warning) {
  if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
    warnings.push_back(warning);
  }
}

absl::Status ConfigReport::ToStatus() const {
  if (errors.empty()) return absl::OkStatus();
  const size_t shown = std::min(errors.size(), kMaxLines);
  std::string text =
      absl::StrJoin(errors.begin(), errors.begin() + shown, "\n");
  if (shown < errors.size()) {
    absl::StrAppend(&text, "\nand ", errors.size() - shown, " more");
  }
  return absl::InvalidArgumentError(text);
}

}  // namespace atelier::trainer
