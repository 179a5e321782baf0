// The state that a run goes back to when a step goes wrong.
//
//   <output_dir>/guard-state     a training state, written anew every
//                                guard_every_n_steps steps; only the newest is
//                                kept, and none once the run has ended
//
// The batches of the step that went wrong are entered into the state, so that
// the run passes over them, also when it is interrupted and resumed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

class Guard {
 public:
  // All outlive this.
  Guard(Training& training, std::string output_dir, Reporter& reporter);

  bool is_on() const { return training_.guard.is_on(); }

  // Saves the state where it is due: before the first step of this process,
  // every n steps, and when `at_once`. Errors: those of files.
  absl::Status Save(const Progress& progress, bool at_once);

  // Whether a finite loss counts as a spike. `ratio`: the loss divided by what
  // is usual at its timesteps.
  bool IsSpike(const Course& course, double ratio) const;

  // Takes the newest state over into modules and optimizer. Its progress passes
  // over `batches`, those of the step after `now`, which went wrong as `what`
  // says; the caller saves it. Errors: OUT_OF_RANGE, marked kNonFinite, when
  // the run has gone back as often as it may; those of files.
  absl::StatusOr<Progress> GoBack(const Progress& now,
                                  const std::vector<BatchPosition>& batches,
                                  const std::string& what);

  // The run has ended well: the state is of no use any more.
  void Remove();

 private:
  Training& training_;
  std::string path_;
  Reporter& reporter_;
  bool has_state_ = false;
};

}  // namespace atelier::trainer
