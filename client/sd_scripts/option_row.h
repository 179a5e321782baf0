// What is known of each option of sd-scripts' training scripts: which scripts
// have it, what its values are, and what becomes of it. The rows are the one
// table behind conversion and the table in client/README.md; whether an
// option's counterpart exists for an architecture is asked of the schema
// (options_schema.h).
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "client/sd_scripts/script.h"
#include "proto/cc/options_schema.h"

namespace atelier::client::sd_scripts {

enum class ValueKind {
  kFlag,
  kInteger,
  kNumber,
  kShare,  // a number of steps, or a share of the run: `100`, `10%`, `0.1`
  kText,
  kList,  // any number of texts, none among them
};

enum class Action {
  kSame,     // a training option of the same name
  kOther,    // a training option of another name
  kRead,     // decided by special_cases.h
  kIgnored,  // leaves the result as it is
  kRefused,  // would change the result
};

// Letters stand for scripts, as script.h has them.
struct OptionRow {
  const char* name;
  const char* scripts = "DFXSUL";  // that accept it
  // That do something with it, where those are fewer.
  const char* heard = nullptr;
  ValueKind kind = ValueKind::kText;
  const char* fallback = "";  // what sd-scripts takes where it is not given
  const char* choices = "";   // separated by commas
  Action action = Action::kSame;
  const char* target = "";  // the training option, where its name differs
  // What is said whenever the option is given: why it is ignored or refused, or
  // how it differs from sd-scripts.
  const char* reason = "";
  const char* remark = "";  // what the table says besides
  bool zero_is_unset = false;
  bool is_secret = false;  // its value is never shown
};

absl::Span<const OptionRow> AllRows();

// Null where the script has no such option.
const OptionRow* FindRow(absl::string_view name, const Script& script);

// The names of a script's options.
std::vector<std::string> RowNames(const Script& script);

// What becomes of an option, as the schema stands.
struct Treatment {
  Action action = Action::kSame;
  const Option* option = nullptr;  // of kSame and kOther
  std::string reason;
};

Treatment TreatmentOf(const OptionRow& row, const Script& script,
                      v1::Architecture architecture);

}  // namespace atelier::client::sd_scripts
