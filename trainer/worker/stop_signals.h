// SIGINT and SIGTERM ask the run to stop at its next step.
#pragma once

#include "trainer/job/stop_token.h"

namespace atelier::trainer {

// `stop` must live until the process ends. A second SIGINT ends the process at
// once. SIGPIPE is ignored: a closed log must not end a run.
void StopOnSignals(StopToken& stop);

}  // namespace atelier::trainer
