// A dataset description as a tree of tables, whatever it is written in.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "proto/cc/toml.h"

namespace atelier {

// Reads `.toml`, or `.json` with the same keys: objects become tables. Nodes of
// TOML know their line, those of JSON do not.
//
// Errors: INVALID_ARGUMENT for another ending, and for what is not TOML or
// JSON, with line and column; NOT_FOUND.
absl::StatusOr<toml::table> ReadDatasetFile(const std::string& path);

// `FILE:LINE:COLUMN: `, or `FILE: ` of a node without a line.
std::string PlaceIn(absl::string_view file, const toml::node& node);

}  // namespace atelier
