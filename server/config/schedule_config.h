// The [scheduling] table of the daemon's configuration.
#pragma once

#include "absl/status/status.h"

#include "server/config/config_reader.h"
#include "server/jobs/schedule_rules.h"

namespace atelier::server {

// Single values that are wrong are told by the table's Finish; lists that are
// not as they must be come back as INVALID_ARGUMENT, naming key and entry.
absl::Status ReadScheduling(ConfigReader& table, ScheduleRules* rules);

}  // namespace atelier::server
