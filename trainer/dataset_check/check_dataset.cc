#include "trainer/dataset_check/check_dataset.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

#include "atelier/v1/job_spec.pb.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/status_macros.h"
#include "trainer/architectures/architecture.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_config.h"
#include "trainer/dataset_check/caption_counts.h"
#include "trainer/dataset_check/file_checks.h"
#include "trainer/dataset_check/image_counts.h"
#include "trainer/dataset_check/pictures.h"
#include "trainer/dataset_check/report_json.h"
#include "trainer/dataset_check/token_counts.h"
#include "trainer/tensor/catch_torch.h"
#include "trainer/train/options.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {
namespace {

CheckProgress PhaseOf(const DatasetCheckOptions& options,
                      const std::string& phase) {
  if (!options.progress) return {};
  return [&options, phase](int64_t done, int64_t total) {
    return options.progress(phase, done, total);
  };
}

absl::StatusOr<DatasetIndex> ScanFor(const v1::TrainingConfig& config,
                                     const Architecture& architecture,
                                     const DatasetCheckOptions& options) {
  ASSIGN_OR_RETURN(const DatasetRequest request,
                   ReadDatasetRequest(config, architecture));
  ASSIGN_OR_RETURN(const DatasetConfig dataset, ReadDatasetConfig(request));
  ScanOptions scan;
  // Bad files are listed, so the rest is looked at too.
  scan.skip_corrupt_images = true;
  scan.seed = static_cast<uint64_t>(config.run().seed());
  scan.progress = PhaseOf(options, "scanning");
  return ScanDataset(dataset, scan);
}

absl::StatusOr<std::vector<CaptionLength>> LengthsFor(
    const v1::JobSpec& spec, const Architecture& architecture,
    const std::string& tokenizer_dir) {
  ASSIGN_OR_RETURN(ModelOptions options, ReadModelOptions(spec));
  options.tokenizer_dir = tokenizer_dir;
  const v1::ModelOptions& model = spec.training().model();
  ModelSources sources;
  for (const auto& [name, path] : {std::pair("t5xxl", model.t5xxl()),
                                   std::pair("gemma2", model.gemma2())}) {
    if (path.empty()) continue;
    ASSIGN_OR_RETURN(sources.components[name], OpenCheckpoint(path));
  }
  return architecture.caption_lengths(sources, options);
}

absl::Status CountSteps(const v1::TrainingConfig& config,
                        const BucketLayout& layout, DatasetReport* report) {
  ASSIGN_OR_RETURN(const LoopOptions loop, ReadLoopOptions(config));
  const BatchSampler sampler(layout.buckets, 0);
  const RunLength length = MakeRunLength(sampler.batches_per_epoch(), loop);
  report->steps = {.samples_per_epoch = sampler.samples_per_epoch(),
                   .batches_per_epoch = length.batches_per_epoch,
                   .gradient_accumulation_steps = loop.accumulation,
                   .steps_per_epoch = length.steps_per_epoch,
                   .total_epochs = length.total_epochs,
                   .total_steps = length.total_steps};
  return absl::OkStatus();
}

// Those of the scan; files that are left out are in the list of broken ones.
void CollectWarnings(const DatasetIndex& index, DatasetReport* report) {
  for (const auto& warnings : {index.config.warnings, index.warnings}) {
    std::copy_if(warnings.begin(), warnings.end(),
                 std::back_inserter(report->warnings),
                 [](const std::string& warning) {
                   return warning.rfind("left out: ", 0) != 0;
                 });
  }
}

absl::StatusOr<DatasetReport> Check(const v1::JobSpec& spec,
                                    const DatasetCheckOptions& options) {
  const v1::TrainingConfig& config = spec.training();
  ASSIGN_OR_RETURN(const Architecture* architecture,
                   FindArchitecture(ArchitectureName(spec.architecture())));
  DatasetReport report;
  report.architecture = std::string(architecture->name);
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const DatasetIndex index,
                   ScanFor(config, *architecture, options));
  const BucketLayout layout = MakeBuckets(index);
  report.scan_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  report.broken = index.bad_files;
  CollectWarnings(index, &report);
  CountImages(index, layout, &report);
  report.captions = CountCaptions(index);
  RETURN_IF_ERROR(CountSteps(config, layout, &report));
  const auto lengths = LengthsFor(spec, *architecture, options.tokenizer_dir);
  if (lengths.ok()) {
    report.tokens = CountTokens(index, *lengths);
  } else {
    report.warnings.push_back(absl::StrCat(
        "captions are not counted in tokens: ", lengths.status().message()));
  }
  report.duplicates = FindDuplicates(index);
  if (!options.is_quick) {
    RETURN_IF_ERROR(DecodeEach(index, PhaseOf(options, "decoding"), &report));
  }
  if (!options.picture_dir.empty()) {
    RETURN_IF_ERROR(DrawPictures(index, layout, options.picture_dir, &report));
  }
  return report;
}

}  // namespace

absl::StatusOr<std::string> CheckDataset(const v1::JobSpec& spec,
                                         const DatasetCheckOptions& options) {
  return CatchTorchOr([&]() -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const DatasetReport report, Check(spec, options));
    return ReportToJson(report);
  });
}

}  // namespace atelier::trainer
