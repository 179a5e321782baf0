// A dataset without a description: folders named `<repeats>_<class tokens>`, or
// one folder of images with a metadata file.
#pragma once

#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {

// With in_json, one dataset with the one subset of train_data_dir and in_json.
// Otherwise one with a subset for each folder named so of train_data_dir and
// reg_data_dir, sorted by name; other folders are named in warnings. Masks of a
// subset are in the folder of its name in conditioning_data_dir, or in that
// itself; regularization images have none.
DatasetConfig ReadDatasetFolders(const DatasetRequest& request,
                                 ConfigReport* report);

}  // namespace atelier::trainer
