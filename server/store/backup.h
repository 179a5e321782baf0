// A consistent copy of a database that is in use.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace atelier::server {

// Copies `database` to `path` (VACUUM INTO a temporary name, synced, checked,
// renamed): whole or not there. Folders of `path` must exist.
// Errors: RESOURCE_EXHAUSTED, DISK_FULL; DATA_LOSS where the copy does not pass
// its check; those of the file system.
absl::Status BackUpDatabase(const std::string& database,
                            const std::string& path);

// Errors: DATA_LOSS with SQLite's first finding.
absl::Status CheckDatabase(const std::string& database);

}  // namespace atelier::server
