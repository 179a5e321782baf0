// The table of client/README.md: every option of the scripts, and what becomes
// of it.
#pragma once

#include <string>

namespace atelier::client::sd_scripts {

// A Markdown table, a row for each option, sorted by name.
std::string OptionTable();

}  // namespace atelier::client::sd_scripts
