// What a run reports, as plain values. The wire half turns them into
// atelier.v1.Event.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace atelier::trainer {

// Fields as in proto/atelier/v1/event.proto, where their units and meaning are
// written.
struct PhaseProgress {
  // loading, scanning, caching, training, validating, saving, sampling
  std::string phase;
  int64_t done = 0;
  int64_t total = 0;
  std::string detail;
};

struct StepDone {
  int64_t total_steps = 0;
  int64_t epoch = 0;
  int64_t total_epochs = 0;
  double loss = 0;
  double smoothed_loss = 0;
  double lr = 0;
  std::map<std::string, double> lr_groups;
  double grad_norm = 0;
  double step_seconds = 0;
  double data_wait_seconds = 0;
  double images_per_second = 0;
  int64_t host_peak_bytes = 0;
  int64_t device_peak_bytes = 0;
  bool skipped = false;
  std::map<std::string, double> phase_seconds;
  std::map<std::string, int64_t> device_part_bytes;
  double swap_wait_seconds = 0;
};

struct CheckpointSaved {
  std::string path;
  int64_t size_bytes = 0;
  std::string sha256;
  double write_seconds = 0;
  bool is_final = false;
  std::vector<std::string> removed;
};

struct TrainingStateSaved {
  std::string path;
  int64_t size_bytes = 0;
  double write_seconds = 0;
};

struct SampleSaved {
  std::string path;
  int64_t size_bytes = 0;
  std::string sha256;
  std::string prompt;
  int64_t prompt_index = 0;
  int64_t seed = 0;
  int width = 0;
  int height = 0;
};

struct Warning {
  std::string message;
};

struct BucketsMade {
  struct Bucket {
    int width = 0;
    int height = 0;
    int64_t images = 0;
    int64_t batches = 0;
  };
  std::vector<Bucket> buckets;
  double mean_aspect_error = 0;
  int64_t train_images = 0;
  int64_t regularization_images = 0;
  int64_t batches_per_epoch = 0;
};

struct Resumed {
  std::string path;
};

struct Validated {
  struct Row {
    std::string weights;  // `weights` or `ema0.999`
    double loss = 0;
    double train_loss = 0;
    std::vector<double> losses;  // by timestep
    std::vector<double> train_losses;
  };
  std::vector<double> timesteps;
  std::vector<Row> rows;
  int64_t images = 0;
  double best_loss = 0;
  int64_t best_step = 0;
  std::string best_weights;
  int64_t without_improvement = 0;
  double seconds = 0;
};

struct LossLedgerSaved {
  struct Image {
    std::string path;
    std::string caption;
    int64_t count = 0;
    double loss = 0;
    double ratio = 0;
  };
  std::string path;
  int64_t size_bytes = 0;
  std::string sha256;
  int64_t images = 0;
  std::vector<Image> worst;
};

struct Done {
  std::string outcome;  // succeeded, stopped, failed
  std::string message;
  std::string reason;  // name of a JobReason without prefix, when failed
  double total_seconds = 0;
};

struct Event {
  int64_t step = 0;
  std::variant<PhaseProgress, StepDone, CheckpointSaved, TrainingStateSaved,
               SampleSaved, Warning, BucketsMade, Resumed, Validated,
               LossLedgerSaved, Done>
      kind;
};

}  // namespace atelier::trainer
