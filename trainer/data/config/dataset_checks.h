// Rules between the options of a dataset, whatever they were read from.
#pragma once

#include <string>

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {

// `where` begins every message: file, line and table, or the folder.
void CheckDataset(const DatasetOptions& dataset, const DatasetRequest& request,
                  const std::string& where, ConfigReport* report);

// Names what is set for the whole description and touches none of its images.
void WarnOfUnusedOptions(const DatasetConfig& config,
                         const DatasetRequest& request, ConfigReport* report);

}  // namespace atelier::trainer
