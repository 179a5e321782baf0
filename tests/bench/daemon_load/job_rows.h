// A database as after years of use.
#pragma once

#include <cstdint>
#include <string>

namespace atelier::bench {

// Adds `count` jobs like the job `like` (PENDING, never started) to the
// database of a daemon that is not running: of every ten, nine that have
// succeeded and one that waits; each with one event. Errors end the process.
void AddJobRows(const std::string& database, int64_t like, int64_t count);

}  // namespace atelier::bench
