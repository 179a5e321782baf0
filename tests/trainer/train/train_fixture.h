// A tiny job that trains for real: checkpoint, pictures and options in a folder
// of its own.
#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "atelier/v1/job_spec.pb.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_models.h"
#include "trainer/job/event_sink.h"
#include "trainer/train/run_job.h"

namespace atelier::trainer::testing {

// Keeps what a run reports; `on_event` may act on it (ask the run to stop, for
// example).
class RecordedEvents : public EventSink {
 public:
  void Send(Event event) override {
    if (on_event) on_event(event);
    events.push_back(std::move(event));
  }

  template <typename Kind>
  std::vector<Kind> Of() const {
    std::vector<Kind> found;
    for (const Event& event : events) {
      if (const auto* kind = std::get_if<Kind>(&event.kind)) {
        found.push_back(*kind);
      }
    }
    return found;
  }

  std::vector<Event> events;
  std::function<void(const Event&)> on_event;
};

inline std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

class TrainTest : public ::testing::Test {
 protected:
  // One checkpoint serves all tests of the program.
  static const std::string& Checkpoint() {
    static const std::string& path = *[] {
      static const atelier::testing::TempDir dir;
      auto* file = new std::string(dir.File("tiny.safetensors"));
      EXPECT_TRUE(WriteTinyStableDiffusion(*file).ok());
      return file;
    }();
    return path;
  }

  void SetUp() override {
    torch::set_num_threads(1);
    ASSERT_TRUE(WriteTinyImages(dir_.File("data/1_thing"), 5).ok());
  }

  // Five pictures, batches of 2 in buckets of at most 64 pixels, no
  // accumulation, everything trained.
  v1::JobSpec Spec(const std::string& output) {
    v1::JobSpec spec;
    spec.set_name("tiny");
    spec.set_architecture(v1::ARCHITECTURE_SD1);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_model()->set_pretrained_model_name_or_path(Checkpoint());
    v1::DatasetOptions& dataset = *config.mutable_dataset();
    dataset.set_train_data_dir(dir_.File("data"));
    dataset.set_resolution("64");
    dataset.set_train_batch_size(2);
    dataset.set_max_data_loader_n_workers(1);
    config.mutable_run()->set_max_train_steps(6);
    config.mutable_run()->set_seed(42);
    v1::OptimizerOptions& optimizer = *config.mutable_optimizer();
    optimizer.set_learning_rate(1e-3);
    optimizer.set_lr_scheduler("cosine");
    optimizer.set_lr_warmup_steps("4");
    config.mutable_output()->set_output_dir(dir_.File(output));
    config.mutable_output()->set_output_name("t");
    return spec;
  }

  absl::Status Run(const v1::JobSpec& spec, bool from_newest = false) {
    RunContext context;
    context.output_dir = spec.training().output().output_dir();
    context.continue_from_newest_state = from_newest;
    context.tokenizer_dir = ATELIER_TOKENIZER_DIR;
    return RunJob(spec, context, events_, stop_);
  }

  // Runs with a fresh recorder that asks the run to stop once `steps` steps are
  // done.
  absl::Status RunAndStopAfter(const v1::JobSpec& spec, int64_t steps) {
    StopToken stop;
    RecordedEvents events;
    events.on_event = [&](const Event& event) {
      if (std::holds_alternative<StepDone>(event.kind) && event.step == steps) {
        stop.RequestStop();
      }
    };
    RunContext context;
    context.output_dir = spec.training().output().output_dir();
    context.tokenizer_dir = ATELIER_TOKENIZER_DIR;
    return RunJob(spec, context, events, stop);
  }

  std::string Out(const std::string& output, const std::string& name) const {
    return dir_.File(absl::StrCat(output, "/", name));
  }

  atelier::testing::TempDir dir_;
  RecordedEvents events_;
  StopToken stop_;
};

}  // namespace atelier::trainer::testing
