// The keys of a dataset description: name, place, type and range of each, in
// one table.
#pragma once

#include <string>

#include "proto/cc/toml.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

// Where a key may stand; values are bits.
enum class ConfigLevel { kGeneral = 1, kDataset = 2, kSubset = 4 };

// Puts the keys of one table into the options. Tables and arrays that hold the
// structure (`datasets`, `subsets`) are passed over. `where` names the table:
// `datasets[0].subsets[2]`.
void ApplyKeys(const toml::table& table, ConfigLevel level,
               const std::string& where, DatasetOptions* dataset,
               SubsetOptions* subset, ConfigReport* report);

}  // namespace atelier::trainer
