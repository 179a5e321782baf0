// What became of one thing in a command.
#pragma once

#include <string>
#include <vector>

namespace atelier::client::sd_scripts {

enum class Does {
  kSame,     // is the training option of that name
  kOther,    // is set by another training option
  kDefault,  // was not given; sd-scripts' own default is set
  kIgnored,
  kRefused,
};

struct Disposition {
  Does does = Does::kSame;
  std::string given;   // --xformers; empty for kDefault
  std::string value;   // as typed; empty for flags and secrets
  std::string option;  // the training option that is set, and its value
  std::string option_value;
  std::string reason;  // empty: nothing is to be said
};

// `same`, `other`, `default`, `ignored`, `refused`.
const char* DoesName(Does does);

// One line for a person: `ignored: --xformers: REASON`; without control
// characters and of valid UTF-8.
std::string DispositionText(const Disposition& disposition);

// Those that a person should read: all but the ones without a reason.
std::vector<const Disposition*> Notable(
    const std::vector<Disposition>& dispositions);

}  // namespace atelier::client::sd_scripts
