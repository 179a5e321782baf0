#include "trainer/train/step_memory.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "proto/cc/utf8.h"
#include "trainer/job/failure.h"

namespace atelier::trainer {
namespace {

constexpr size_t kMostOfSentence = 200;

// Bytes on one device, memory that tensors share counted once.
class BytesOnDevice {
 public:
  explicit BytesOnDevice(torch::Device device) : device_(device) {}

  void Add(const Tensor& tensor) {
    if (!tensor.defined() || tensor.device() != device_) return;
    if (seen_.insert(tensor.storage().data()).second) {
      bytes_ += static_cast<int64_t>(tensor.storage().nbytes());
    }
  }
  void Add(const torch::nn::Module& module) {
    for (const Tensor& tensor : module.parameters()) Add(tensor);
    for (const Tensor& tensor : module.buffers()) Add(tensor);
  }
  void Add(const std::map<std::string, Tensor>& tensors) {
    for (const auto& [name, tensor] : tensors) Add(tensor);
  }
  int64_t bytes() const { return bytes_; }

 private:
  torch::Device device_;
  std::set<const void*> seen_;
  int64_t bytes_ = 0;
};

std::string Shown(int64_t bytes) {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  const double mebibytes = static_cast<double>(bytes) / kMebibyte;
  return mebibytes < 1024 ? absl::StrFormat("%.1f MiB", mebibytes)
                          : absl::StrFormat("%.2f GiB", mebibytes / 1024);
}

}  // namespace

std::string ShortenOutOfMemory(const std::string& what) {
  constexpr std::string_view kEnd = "is free";
  const size_t end = what.find(kEnd);
  return end == std::string::npos ? CutUtf8(what, kMostOfSentence)
                                  : what.substr(0, end + kEnd.size());
}

void StepMemory::BeginStep() {
  if (!training_.device.is_cpu()) peaks_.Begin();
}

std::map<std::string, int64_t> StepMemory::MeasureParts() const {
  const auto measure = [this](const auto& add) {
    BytesOnDevice bytes(training_.device);
    add(bytes);
    return bytes.bytes();
  };
  std::map<std::string, int64_t> parts;
  parts["weights"] = measure([&](BytesOnDevice& bytes) {
    bytes.Add(*training_.model.denoiser);
    bytes.Add(*training_.model.vae);
    for (const TextEncoder& encoder :
         training_.model.conditioner->TextEncoders()) {
      bytes.Add(*encoder.module);
    }
  });
  parts["gradients"] = measure([&](BytesOnDevice& bytes) {
    for (const ParameterGroup& group : training_.optimizer->groups()) {
      for (const NamedParameter& named : group.parameters) {
        bytes.Add(named.parameter.grad());
      }
    }
  });
  parts["optimizer"] = measure(
      [&](BytesOnDevice& bytes) { bytes.Add(training_.optimizer->State()); });
  if (training_.ema != nullptr) {
    parts["averages"] = measure(
        [&](BytesOnDevice& bytes) { bytes.Add(training_.ema->State()); });
  }
  int64_t known = 0;
  for (const auto& [name, bytes] : parts) known += bytes;
  parts["activations"] =
      std::max<int64_t>(0, peaks_.since_begin_bytes() - known);
  return parts;
}

void StepMemory::Describe(StepDone& done) {
  if (training_.device.is_cpu()) return;
  done.device_peak_bytes = peaks_.ever_bytes();
  const int64_t peak = peaks_.since_begin_bytes();
  if (std::exchange(parts_peak_, peak) != peak) parts_ = MeasureParts();
  done.device_part_bytes = parts_;
}

std::string StepMemory::Parts() const {
  const std::map<std::string, int64_t> parts = MeasureParts();
  return absl::StrJoin(parts, ", ", [](std::string* out, const auto& part) {
    absl::StrAppend(out, Shown(part.second), " of ", part.first);
  });
}

std::string StepMemory::Remedies() const {
  const v1::TrainingConfig& config = training_.spec.training();
  const LoopOptions& loop = training_.loop;
  std::vector<std::string> remedies;
  if (!loop.recovers_memory) remedies.push_back("on_oom = recover");
  if (!loop.gradient_checkpointing) {
    remedies.push_back("gradient_checkpointing");
  }
  const BlockRunner* const runner = training_.model.denoiser->block_runner();
  if (runner != nullptr && !loop.cpu_offload_checkpointing &&
      loop.blocks_to_swap < runner->most_blocks_to_swap()) {
    remedies.push_back(
        absl::StrCat("blocks_to_swap up to ", runner->most_blocks_to_swap()));
  }
  if (!loop.fused_update) remedies.push_back("fused_backward_pass");
  if (!loop.weight_type.has_value()) remedies.push_back("full_bf16");
  const std::string optimizer = absl::AsciiStrToLower(OptimizerName(config));
  if (!absl::StrContains(optimizer, "8bit") && optimizer != "adafactor") {
    remedies.push_back("optimizer_type = AdamW8bit");
  }
  remedies.push_back("a smaller train_batch_size or resolution");
  return absl::StrJoin(remedies, ", ");
}

absl::Status StepMemory::Error(int64_t step, const std::string& what,
                               const std::string& remark) const {
  return MarkFailure(
      absl::ResourceExhaustedError(absl::StrCat(
          "the device's memory ran out in step ", step, ": ",
          ShortenOutOfMemory(what), "; at its highest the step held ",
          peaks_.since_begin_bytes(), " bytes: ", Parts(), remark,
          "; turn on: ", Remedies())),
      kDeviceMemory);
}

}  // namespace atelier::trainer
