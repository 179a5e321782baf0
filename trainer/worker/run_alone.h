// `atelier-trainer run`: a job with no daemon.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/worker/work.h"

namespace atelier::trainer {

// `--job FILE --output_dir DIR [--option value…]`: options given here take the
// place of those in the file. Events go to standard output as JSON lines,
// everything else to standard error. SIGINT and SIGTERM end the run at its next
// step. Returns the exit code.
int RunAlone(absl::Span<const std::string> arguments, const RunFunction& run);

// The job that these arguments ask for, resolved: defaults filled in, checked,
// paths absolute. Errors: INVALID_ARGUMENT with every problem.
absl::StatusOr<v1::JobSpec> ReadJob(absl::Span<const std::string> arguments);

}  // namespace atelier::trainer
