// Clients that submit and list jobs.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/daemon_load/load_daemon.h"

namespace atelier::bench {

// Commits a second that the disk allows to one writer: appends of a page, each
// synced, in `folder` for that long.
double DiskCommitsPerSecond(const std::string& folder, double seconds);

// Acknowledged submissions a second of that many clients, each with a
// connection of its own.
double SubmissionsPerSecond(const LoadDaemon& daemon, int clients,
                            double seconds);

// Seconds of each of `count` submissions, one after the other.
std::vector<double> SubmissionTimes(const LoadDaemon& daemon, int count);

// Seconds of each page of 50: `count` from the newest job on with each of
// several filters and orders.
std::vector<double> ListTimes(const LoadDaemon& daemon, int count);

}  // namespace atelier::bench
