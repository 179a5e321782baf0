// Whether a training state is of this run: the same base model, the same
// dataset, the same options, except where the user allows a change.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "trainer/train/setup.h"

namespace atelier::trainer {

// What differs and may, as `NAME from OLD to NEW`.
struct AllowedChanges {
  std::vector<std::string> changes;
  bool of_dataset = false;
};

// `saved`: the fingerprint in the state (record.h). Options that only say how
// long the run is and what it writes and shows are not looked at.
//
// Errors: INVALID_ARGUMENT naming everything that differs with its old and its
// new value, and what to put into allow_changed.
absl::StatusOr<AllowedChanges> CheckSameRun(const Training& training,
                                            const nlohmann::json& saved,
                                            const std::string& state);

}  // namespace atelier::trainer
