// Warns of a run that goes wrong (overfit_watch.h), once for each thing until
// it has gone away, with the checkpoint to go back to.
#pragma once

#include <optional>
#include <string>

#include "trainer/train/hooks/checkpoint.h"
#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

class Watch {
 public:
  // All outlive this.
  Watch(const Training& training, const CheckpointHook& checkpoints,
        Reporter& reporter)
      : training_(training), checkpoints_(checkpoints), reporter_(reporter) {}

  // Looks at the newest validation and at gradients; twice is once.
  void AfterStep(Progress& progress);
  // `diversity`: mean distance between the pictures that were drawn.
  void AfterSamples(Progress& progress, double diversity);

 private:
  void Tell(Progress& progress, const std::string& what,
            const std::optional<std::string>& verdict);

  const Training& training_;
  const CheckpointHook& checkpoints_;
  Reporter& reporter_;
};

}  // namespace atelier::trainer
