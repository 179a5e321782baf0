// Rules between the options of a dataset, whatever they were read from.
#pragma once

#include <string>

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {

// `where` begins every message: file, line and table, or the folder.
void CheckDataset(const DatasetOptions& dataset, const DatasetRequest& request,
                  const std::string& where, ConfigReport* report);

}  // namespace atelier::trainer
