// The door between the halves of the trainer: everything that LibTorch does for
// a job is behind it, and no exception comes out of it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "trainer/job/event_sink.h"
#include "trainer/job/stop_token.h"

namespace atelier::v1 {
class JobSpec;
}

namespace atelier::trainer {

struct DeviceRequest;
struct OpenedDevice;
// Opens the device that a job asks for.
using DeviceOpener =
    absl::StatusOr<OpenedDevice> (*)(const DeviceRequest& request);

struct RunContext {
  // Everything the job writes goes below it. Made on demand.
  std::string output_dir;
  // Continue from the newest whole training state in output_dir, where there is
  // one. Set for every attempt but the first; `resume` of the options is then
  // used only where there is none.
  bool continue_from_newest_state = false;
  std::string tokenizer_dir;
  // Null: OpenDevice of cuda/cuda_loader.h.
  DeviceOpener open_device = nullptr;
};

// Runs a resolved job to its end and sends its events, DoneEvent excepted (the
// caller sends it, from the returned status). Blocks until the run is over.
//
// Returns OK when the run is complete, CANCELLED when it was asked to stop and
// did (its state saved where the job saves states). Errors: INVALID_ARGUMENT
// and NOT_FOUND for input that cannot be trained on; RESOURCE_EXHAUSTED when
// memory or disk ran out; OUT_OF_RANGE when the loss was not finite; DATA_LOSS
// for unreadable files; INTERNAL for anything that LibTorch threw.
absl::Status RunJob(const v1::JobSpec& spec, const RunContext& context,
                    EventSink& events, StopToken& stop);

}  // namespace atelier::trainer
