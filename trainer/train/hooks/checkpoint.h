// Checkpoints and training states when they are due, and the removal of old
// ones.
//
// An old file goes only once the new one is whole, and only if this job wrote
// it (manifest.h). Weights that are not finite are never written.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "trainer/train/hooks/checkpoint_files.h"
#include "trainer/train/hooks/checkpoint_names.h"
#include "trainer/train/hooks/manifest.h"
#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

class CheckpointHook {
 public:
  // All outlive this.
  CheckpointHook(const Training& training, std::string output_dir,
                 Manifest manifest, Reporter& reporter);

  // Each writes what is due, sends its events and removes what retention lets
  // go. Errors: RESOURCE_EXHAUSTED, PERMISSION_DENIED and so on for files;
  // OUT_OF_RANGE for weights that are not finite; INVALID_ARGUMENT for weights
  // that save_precision cannot hold.
  absl::Status AfterStep(const Progress& progress);
  absl::Status AfterEpoch(int64_t epoch, const Progress& progress);
  absl::Status OnRequest(const Progress& progress);
  absl::Status AtEnd(const Progress& progress);
  absl::Status OnStop(const Progress& progress);
  // The weights as they are now, an average where one is in use, as NAME-best.
  // Retention leaves it alone; the next one takes its place once it is whole.
  absl::Status SaveBest(const Progress& progress);

  // Where the weights of about this step are: `; go back to FILE`, or that
  // nothing was kept.
  std::string WhereToGoBack(int64_t step) const;

 private:
  struct Old {
    std::string checkpoint;
    std::string state;
  };

  absl::Status Save(const std::string& name, const Old& old, bool is_final,
                    const Progress& progress);
  // The checkpoint of the weights as they are now, which replaces that of
  // `old`.
  absl::Status SaveWeights(const std::string& name, const std::string& old,
                           bool is_final, const Progress& progress);
  absl::Status Enter(const WrittenCheckpoint& written, int64_t step);
  absl::Status SaveState(const std::string& name, const std::string& old,
                         bool until_next, const Progress& progress);
  // Removes a file of ours and says whether it did; failing to is a warning.
  bool Remove(const std::string& path);
  void RemoveStatesOfStops();
  std::string Full(const std::string& path) const;

  const Training& training_;
  const std::string output_dir_;
  Manifest manifest_;
  Reporter& reporter_;
  CheckpointNames names_;
};

}  // namespace atelier::trainer
