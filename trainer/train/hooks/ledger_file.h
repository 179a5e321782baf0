// The loss ledger as a file for people and for `atelier show --worst-images`:
//
//   <output_dir>/loss_ledger.json
//   {"step": 500, "images": [{"path": "…", "caption": "…", "count": 4,
//                             "loss": 0.2, "ratio": 1.7}, …]}
//
// Images with the highest ratio come first.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

// Writes the file whole and says so in an event. Does nothing without images.
// Errors: those of files.
absl::Status WriteLossLedger(const Training& training, const Progress& progress,
                             const std::string& output_dir, Reporter& reporter);

}  // namespace atelier::trainer
