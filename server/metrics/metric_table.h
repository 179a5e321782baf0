// Every metric's name, type and help, in one table. To add one: a row here and
// its use in registry.cc.
#pragma once

#include "absl/types/span.h"

namespace atelier::server {

enum class MetricType { kGauge, kCounter, kHistogram };

struct MetricRow {
  const char* name;
  MetricType type;
  const char* help;
};

enum class Metric {
  kBuildInfo,
  kStartTime,
  kDraining,
  kJobs,
  kJobsSubmitted,
  kJobsFinished,
  kAttempts,
  kRetries,
  kAdopted,
  kQueueSeconds,
  kSchedulerPass,
  kPreemptions,
  kBackfills,
  kUserDeviceSeconds,
  kStep,
  kStepTarget,
  kLoss,
  kLearningRate,
  kGradNorm,
  kValidationLoss,
  kImagesPerSecond,
  kLastProgress,
  kWorkerMemory,
  kWorkerPeakMemory,
  kDevicePeakMemory,
  kDevicePartMemory,
  kSwapWait,
  kStepSeconds,
  kPhaseSeconds,
  kDataWaitSeconds,
  kNonfinite,
  kCheckpoints,
  kSamples,
  kWorkersFenced,
  kRequests,
  kRequestSeconds,
  kStreams,
  kCommitSeconds,
  kGpuInfo,
  kGpuState,
  kGpuUtilization,
  kGpuMemoryUsed,
  kGpuMemoryTotal,
  kGpuTemperature,
  kGpuPower,
  kGpuPowerLimit,
  kGpuEnergy,
  kGpuThrottled,
  kGpuEccUncorrected,
  kGpuXidErrors,
  kGpuOutsideProcesses,
  kGpuOutsideMemory,
  kNvmlErrors,
  kNvmlCollection,
  kCollectErrors,
};

const MetricRow& RowOf(Metric metric);
absl::Span<const MetricRow> AllMetrics();

}  // namespace atelier::server
