// A report as JSON; fields have the names of report.h. Fields may be added,
// never renamed: `atelier dataset check --json` passes them on.
#pragma once

#include <string>

#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

// On one line, without a line end.
std::string ReportToJson(const DatasetReport& report);

}  // namespace atelier::trainer
