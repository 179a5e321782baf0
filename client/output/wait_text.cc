#include "client/output/wait_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/output/text.h"
#include "proto/cc/enum_name.h"

namespace atelier::client {
namespace {

std::string Line(const std::string& label, const std::string& text) {
  if (text.empty()) return "";
  return absl::StrCat(label, std::string(12 - label.size(), ' '), text, "\n");
}

}  // namespace

std::string WaitText(const v1::ExplainJobResponse& why,
                     const Context& context) {
  std::string state = StateText(why.job().state(), context.terminal);
  const std::string reason = EnumName(why.reason());
  if (!reason.empty()) absl::StrAppend(&state, " (", reason, ")");
  std::string text = Line("job", absl::StrCat(why.job().id(), " ", state));
  if (why.causes().empty()) {
    absl::StrAppend(&text, Line("because", Printable(why.message())));
  }
  for (const std::string& cause : why.causes()) {
    absl::StrAppend(&text, Line("waits", Printable(cause)));
  }
  if (why.jobs_ahead() >= 0) {
    absl::StrAppend(&text,
                    Line("ahead", absl::StrCat(why.jobs_ahead(), " jobs")));
  }
  absl::StrAppend(
      &text, Line("held by", absl::StrJoin(why.blocking_jobs(), ", ",
                                           [](std::string* out, int64_t id) {
                                             absl::StrAppend(out, "job ", id);
                                           })));
  const std::string start = LocalTime(why.estimated_start());
  absl::StrAppend(&text,
                  Line("may start", start.empty() ? "not known" : start));
  absl::StrAppend(&text, Line("", Printable(why.estimate_basis())));
  return text;
}

}  // namespace atelier::client
