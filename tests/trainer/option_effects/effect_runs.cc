#include "tests/trainer/option_effects/effect_runs.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include <opencv2/imgcodecs.hpp>

#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "tests/support/oracle.h"
#include "tests/trainer/option_effects/effect_inputs.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/job/event_sink.h"
#include "trainer/train/run_job.h"

namespace atelier::trainer::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kMain[] = "pretrained_model_name_or_path";

struct ModelFile {
  std::string architecture;
  std::string option;
  std::string path;  // among the golden files
};

// Small checkpoints in the published layouts.
const ModelFile kModelFiles[] = {
    {"sd1", kMain, "sd1/sd1.safetensors"},
    {"sd2", kMain, "sd2/sd2_768v.safetensors"},
    {"sdxl", kMain, "sdxl/sdxl.safetensors"},
    {"sd3", kMain, "sd3/sd3.5_medium.safetensors"},
    {"sd3", "clip_l", "sd3/clip_l.safetensors"},
    {"sd3", "clip_g", "sd3/clip_g.safetensors"},
    {"sd3", "t5xxl", "sd3/t5xxl.safetensors"},
    {"flux", kMain, "flux/flux1-dev.safetensors"},
    {"flux", "clip_l", "flux/clip_l.safetensors"},
    {"flux", "t5xxl", "flux/t5xxl.safetensors"},
    {"flux", "ae", "flux/ae.safetensors"},
    {"lumina2", kMain, "lumina/lumina2_all_in_one.safetensors"},
};

// Events without what changes from run to run.
class EventText : public EventSink {
 public:
  void Send(Event event) override {
    std::visit([&](const auto& kind) { Add(event.step, kind); }, event.kind);
  }
  const std::string& text() const { return text_; }

 private:
  void Add(int64_t step, const StepDone& done) {
    absl::StrAppend(&text_, step, " loss ", done.loss, " norm ", done.grad_norm,
                    " of ", done.total_steps, " epochs ", done.total_epochs,
                    done.skipped ? " skipped" : "");
    for (const auto& [group, rate] : done.lr_groups) {
      absl::StrAppend(&text_, " ", group, " ", rate);
    }
    text_ += "\n";
  }
  void Add(int64_t step, const Warning& warning) {
    absl::StrAppend(&text_, step, " warning ", warning.message, "\n");
  }
  void Add(int64_t, const BucketsMade& made) {
    for (const BucketsMade::Bucket& bucket : made.buckets) {
      absl::StrAppend(&text_, "bucket ", bucket.width, "x", bucket.height, " ",
                      bucket.images, "\n");
    }
  }
  void Add(int64_t step, const PhaseProgress& phase) {
    absl::StrAppend(&text_, step, " phase ", phase.phase, " ", phase.done,
                    " of ", phase.total, " ", phase.detail, "\n");
  }
  void Add(int64_t step, const Validated& validated) {
    absl::StrAppend(&text_, step, " validated ", validated.images,
                    " images at ", absl::StrJoin(validated.timesteps, ","),
                    " loss ", validated.rows.at(0).loss, "\n");
  }
  template <typename Kind>
  void Add(int64_t step, const Kind&) {
    absl::StrAppend(&text_, step, " kind ", typeid(Kind).name(), "\n");
  }

  std::string text_;
};

std::string DigestOf(const Tensor& tensor) {
  const Tensor bytes = tensor.contiguous();
  return Sha256Of(absl::string_view(static_cast<const char*>(bytes.data_ptr()),
                                    bytes.nbytes()));
}

// Every checkpoint directly in `folder`: its tensors, and its header.
void ReadCheckpoints(const std::string& folder, RunOutcome& outcome) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto file = SafetensorsFile::Open(entry.path());
    if (!file.ok()) continue;
    for (const auto& [key, value] : (*file)->metadata()) {
      if (absl::StrContains(key, "date") || absl::StrContains(key, "hash") ||
          absl::StrContains(key, "atelier")) {
        continue;
      }
      absl::StrAppend(&outcome.metadata, key, " = ", value, "\n");
    }
    const auto tensors = ReadSafetensors(entry.path());
    if (!tensors.ok()) continue;
    for (const auto& [name, tensor] : *tensors) {
      absl::StrAppend(&outcome.weights, name, " ", DigestOf(tensor), "\n");
      absl::StrAppend(&outcome.metadata, name, " ",
                      c10::toString(tensor.scalar_type()), "\n");
    }
  }
}

void ReadOutputs(const std::string& folder, RunOutcome& outcome) {
  std::vector<std::string> names;
  std::vector<std::string> pictures;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    std::string name = fs::relative(entry.path(), folder);
    if (entry.path().extension() == ".png") {
      const cv::Mat picture = cv::imread(entry.path(), cv::IMREAD_UNCHANGED);
      const size_t bytes = picture.total() * picture.elemSize();
      pictures.push_back(Sha256Of(absl::string_view(
          reinterpret_cast<const char*>(picture.data), bytes)));
      // The time of day is in it.
      name = absl::StrCat(name.substr(0, name.find("_00_")), ".png");
    }
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  std::sort(pictures.begin(), pictures.end());
  outcome.files = absl::StrJoin(names, "\n");
  outcome.samples = absl::StrJoin(pictures, "\n");
  ReadCheckpoints(folder, outcome);
}

}  // namespace

EffectRuns::EffectRuns() {
  torch::set_num_threads(1);
  WriteEffectInputs(dir_.path());
}

std::string EffectRuns::Fill(std::string text) const {
  return absl::StrReplaceAll(text, {{"@", dir_.path() + "/"}});
}

std::string EffectRuns::ModelFlags(const std::string& architecture) {
  std::string flags;
  for (const ModelFile& file : kModelFiles) {
    if (file.architecture != architecture) continue;
    const std::string path = OraclePath(file.path);
    absl::StrAppend(&flags, flags.empty() ? "" : " ", "--", file.option, " ",
                    path);
    const std::string other = dir_.File(
        absl::StrCat(architecture, ".", file.option, ".other.safetensors"));
    if (std::filesystem::exists(other)) continue;
    auto tensors = ReadSafetensors(path);
    EXPECT_TRUE(tensors.ok()) << tensors.status();
    for (auto& [name, tensor] : *tensors) {
      if (tensor.is_floating_point()) tensor = tensor * 0.9;
    }
    EXPECT_TRUE(WriteSafetensors(other, *tensors, {}).ok());
  }
  return flags;
}

const RunOutcome& EffectRuns::Run(const std::string& architecture,
                                  const std::string& flags) {
  const std::string key = absl::StrCat(architecture, " ", flags);
  const auto [found, is_new] = done_.try_emplace(key);
  RunOutcome& outcome = found->second;
  if (!is_new) return outcome;

  v1::JobSpec spec;
  spec.set_name("effects");
  spec.set_architecture(*ParseArchitecture(architecture));
  const std::string output = dir_.File(absl::StrCat("out", done_.size()));
  std::vector<std::string> tokens =
      absl::StrSplit(ModelFlags(architecture), ' ');
  const std::string common = absl::StrCat(
      "--train_data_dir @data --resolution 64 --train_batch_size 2 "
      "--max_data_loader_n_workers 0 --max_train_steps 3 --seed 7 "
      "--learning_rate 1e-3 --output_name t --output_dir ",
      output, " ", flags);
  for (absl::string_view token :
       absl::StrSplit(common, ' ', absl::SkipEmpty())) {
    // A tilde stands for a space within a value.
    tokens.push_back(
        absl::StrReplaceAll(Fill(std::string(token)), {{"~", " "}}));
  }
  std::vector<Violation> problems =
      OptionsFromFlags(tokens, dir_.path(), spec.mutable_training());
  if (problems.empty()) problems = ValidateJobSpec(spec);
  if (!problems.empty()) {
    outcome.status = absl::InvalidArgumentError(problems[0].message);
    return outcome;
  }
  EventText events;
  for (const std::string& warning :
       OptionWarnings(spec.architecture(), spec.training())) {
    events.Send({0, Warning{warning}});
  }
  FillDefaults(spec.architecture(), spec.mutable_training());
  StopToken stop;
  outcome.status =
      RunJob(spec, {output, false, ATELIER_TOKENIZER_DIR}, events, stop);
  outcome.events = events.text();
  std::error_code missing;
  if (fs::exists(output, missing)) ReadOutputs(output, outcome);
  return outcome;
}

}  // namespace atelier::trainer::testing
