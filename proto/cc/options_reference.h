// The options written out for people, from the annotations alone.
#pragma once

#include <string>

#include "atelier/v1/architecture.pb.h"
#include "proto/cc/options_schema.h"

namespace atelier {

// Text for a terminal, grouped, lines of at most `width` columns.
// UNSPECIFIED: the options of every architecture.
std::string OptionHelp(v1::Architecture architecture, size_t width);

// The reference page in Markdown.
std::string OptionReference(v1::Architecture architecture);

// `PATH`, `N`, `NUMBER`, `no|fp16|bf16`; empty for a flag.
std::string ValueName(const Option& option);

}  // namespace atelier
