// Runs tiny jobs given as flags and keeps what they came to.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "atelier/v1/job_spec.pb.h"
#include "tests/support/temp_dir.h"

namespace atelier::trainer::testing {

// What a run left behind, each as text that can be compared.
struct RunOutcome {
  absl::Status status;
  std::string weights;
  std::string files;
  std::string metadata;
  std::string samples;
  std::string events;
};

class EffectRuns {
 public:
  EffectRuns();

  // Three steps on five small pictures of `architecture`'s golden checkpoint,
  // with these flags besides. A run that was asked for before is not repeated.
  const RunOutcome& Run(const std::string& architecture,
                        const std::string& flags);

 private:
  std::string Fill(std::string text) const;
  // That name the checkpoint and its components. Beside the run's files there
  // is ARCHITECTURE.OPTION.other.safetensors of each, with other values.
  std::string ModelFlags(const std::string& architecture);

  atelier::testing::TempDir dir_;
  std::map<std::string, RunOutcome> done_;
};

}  // namespace atelier::trainer::testing
