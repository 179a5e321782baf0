// The report of `dataset check` for people.
#pragma once

#include "nlohmann/json.hpp"

#include "client/context.h"

namespace atelier::client {

// `report` is the worker's (trainer/dataset_check/report.h names the fields).
// Tables, with a histogram of the buckets and what to look at.
void PrintDatasetReport(const nlohmann::ordered_json& report,
                        const Context& context);

}  // namespace atelier::client
