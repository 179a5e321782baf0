// Waiting for what another process does, without polling its clock: every wait
// ends with an event of the kernel or with its deadline.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/time/time.h"

namespace atelier::testing {

// Longer than anything a test waits for takes on a busy machine.
constexpr absl::Duration kPatience = absl::Seconds(30);

// Waits until `path` exists. False: it did not in time.
bool AwaitFile(const std::string& path, absl::Duration limit = kPatience);

// Waits until a file holds `text`. False: it did not in time.
bool AwaitText(const std::string& path, const std::string& text,
               absl::Duration limit = kPatience);

// Waits until a process has ended (it may be a zombie still). False: it runs
// on.
bool AwaitProcessEnd(pid_t pid, absl::Duration limit = kPatience);

// Everything in a file; empty where it cannot be read.
std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text,
               bool executable = false);

}  // namespace atelier::testing
