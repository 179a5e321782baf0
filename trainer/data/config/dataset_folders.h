// A dataset without a description: folders named `<repeats>_<class tokens>`.
#pragma once

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {

// One dataset with a subset for each such folder of train_data_dir and
// reg_data_dir, sorted by name. Other folders are named in warnings.
DatasetConfig ReadDatasetFolders(const DatasetRequest& request,
                                 ConfigReport* report);

}  // namespace atelier::trainer
