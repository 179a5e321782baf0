#include "server/metrics/metric_table.h"

#include <cstddef>

namespace atelier::server {
namespace {

// In the order of Metric.
constexpr MetricRow kRows[] = {
    {"atelier_build_info", MetricType::kGauge,
     "Always 1; the version is in the labels."},
    {"atelier_start_time_seconds", MetricType::kGauge,
     "When the daemon started, in seconds since 1970."},
    {"atelier_draining", MetricType::kGauge,
     "1 while the daemon takes no new starts."},
    {"atelier_jobs", MetricType::kGauge,
     "Jobs by state and the reason for it."},
    {"atelier_jobs_submitted_total", MetricType::kCounter, "Jobs accepted."},
    {"atelier_jobs_finished_total", MetricType::kCounter,
     "Jobs that have ended, by state and reason."},
    {"atelier_job_attempts_total", MetricType::kCounter,
     "Attempts that have ended, by outcome and reason."},
    {"atelier_job_retries_total", MetricType::kCounter,
     "Jobs that wait to be started again after an attempt ended."},
    {"atelier_jobs_adopted_total", MetricType::kCounter,
     "Workers of a former daemon that were adopted."},
    {"atelier_job_queue_seconds", MetricType::kHistogram,
     "From submission to each start of a job, by its priority: low (below 0), "
     "normal or high."},
    {"atelier_scheduler_pass_seconds", MetricType::kHistogram,
     "Duration of one look at the queue."},
    {"atelier_jobs_preempted_total", MetricType::kCounter,
     "Jobs that were stopped for one of higher priority."},
    {"atelier_jobs_backfilled_total", MetricType::kCounter,
     "Jobs that were started before one that waits first."},
    {"atelier_user_device_seconds_total", MetricType::kCounter,
     "Time that devices were held by ended attempts, by user; many users share "
     "the label `others`."},
    {"atelier_training_step", MetricType::kGauge,
     "Optimizer steps done by a running job."},
    {"atelier_training_steps_target", MetricType::kGauge,
     "Steps that a running job will have in all."},
    {"atelier_training_loss", MetricType::kGauge,
     "Smoothed loss of a running job."},
    {"atelier_training_learning_rate", MetricType::kGauge,
     "Learning rate of a running job's denoiser."},
    {"atelier_training_grad_norm", MetricType::kGauge,
     "Gradient norm of a running job before clipping."},
    {"atelier_training_validation_loss", MetricType::kGauge,
     "Loss of a running job on held-out images, the weights' own."},
    {"atelier_training_images_per_second", MetricType::kGauge,
     "Images a running job trains on in a second."},
    {"atelier_training_last_progress_timestamp_seconds", MetricType::kGauge,
     "When a running job last told of anything."},
    {"atelier_worker_resident_memory_bytes", MetricType::kGauge,
     "Resident memory of a running job's worker."},
    {"atelier_worker_peak_memory_bytes", MetricType::kGauge,
     "Highest resident memory of a running job's worker."},
    {"atelier_worker_device_peak_memory_bytes", MetricType::kGauge,
     "Highest device memory of a running job's worker."},
    {"atelier_worker_device_part_memory_bytes", MetricType::kGauge,
     "Device memory of a running job's worker after its last step, by part."},
    {"atelier_training_swap_wait_seconds", MetricType::kGauge,
     "Part of a running job's last step in which its device waited for swapped "
     "weights or activations."},
    {"atelier_training_step_seconds", MetricType::kHistogram,
     "Wall time of optimizer steps, waiting for data included."},
    {"atelier_training_phase_seconds", MetricType::kHistogram,
     "Wall time of the parts of optimizer steps."},
    {"atelier_training_data_wait_seconds", MetricType::kHistogram,
     "Part of optimizer steps spent waiting for the loader."},
    {"atelier_training_nonfinite_total", MetricType::kCounter,
     "Steps skipped because loss or gradients were not finite."},
    {"atelier_training_checkpoints_total", MetricType::kCounter,
     "Checkpoints written."},
    {"atelier_training_samples_total", MetricType::kCounter,
     "Sample images written."},
    {"atelier_worker_fenced_total", MetricType::kCounter,
     "Workers turned away because their attempt is over."},
    {"atelier_grpc_requests_total", MetricType::kCounter,
     "API calls by method and status code."},
    {"atelier_grpc_request_seconds", MetricType::kHistogram,
     "Duration of API calls that are not streams."},
    {"atelier_grpc_streams", MetricType::kGauge, "Open API streams."},
    {"atelier_db_commit_seconds", MetricType::kHistogram,
     "Duration of commits to the database, sync included."},
    {"atelier_gpu_info", MetricType::kGauge,
     "Always 1; name, driver and number of a GPU are in the labels."},
    {"atelier_gpu_state", MetricType::kGauge,
     "1 for the state that a GPU is in, 0 for the others."},
    {"atelier_gpu_utilization_ratio", MetricType::kGauge,
     "Share of the time in which a GPU computed, 0 to 1."},
    {"atelier_gpu_memory_used_bytes", MetricType::kGauge,
     "Memory of a GPU that is in use, by whomever."},
    {"atelier_gpu_memory_total_bytes", MetricType::kGauge,
     "Memory that a GPU has."},
    {"atelier_gpu_temperature_celsius", MetricType::kGauge,
     "Temperature of a GPU."},
    {"atelier_gpu_power_watts", MetricType::kGauge, "Power that a GPU draws."},
    {"atelier_gpu_power_limit_watts", MetricType::kGauge,
     "Power that a GPU may draw."},
    {"atelier_gpu_energy_joules_total", MetricType::kCounter,
     "Energy that a GPU used since its driver was loaded."},
    {"atelier_gpu_throttled", MetricType::kGauge,
     "1 while a GPU holds its clocks back for the reason."},
    {"atelier_gpu_ecc_uncorrected_total", MetricType::kCounter,
     "Uncorrectable memory errors of a GPU since its driver was loaded."},
    {"atelier_gpu_recent_xid_errors", MetricType::kGauge,
     "XID errors of a GPU since the daemon started or they were forgotten, 16 "
     "at most."},
    {"atelier_gpu_outside_processes", MetricType::kGauge,
     "Processes on a GPU that are not Atelier's."},
    {"atelier_gpu_outside_memory_bytes", MetricType::kGauge,
     "Memory of a GPU that processes which are not Atelier's hold."},
    {"atelier_nvml_errors_total", MetricType::kCounter,
     "Readings of the GPU driver that failed or hung."},
    {"atelier_nvml_collection_seconds", MetricType::kGauge,
     "Duration of the last reading of the GPUs."},
    {"atelier_collect_errors_total", MetricType::kCounter,
     "Scrapes for which the database could not be read."},
};

static_assert(std::size(kRows) ==
              static_cast<size_t>(Metric::kCollectErrors) + 1);

}  // namespace

const MetricRow& RowOf(Metric metric) {
  return kRows[static_cast<size_t>(metric)];
}

absl::Span<const MetricRow> AllMetrics() { return kRows; }

}  // namespace atelier::server
