// Writes a checkpoint of random weights, for measurements and trials of full
// size.
//
//   make_checkpoint --arch sd1|sdxl --size full|tiny --out FILE [--seed N]
//   [--dtype float|fp16|bf16]
//
// sd1 is laid out from its widths; others, of full size only, from the lists of
// names and shapes of published checkpoints.
// Each tensor is made when it is written, so memory holds one at a time. The
// weights depend on the seed, the tensor's name and its shape alone; their
// scale lets a training step stay finite.
#include <cmath>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "tests/bench/sd_layout.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/tensor/catch_torch.h"
#include "trainer/tensor/dtype.h"
#include "trainer/tensor/random_tensor.h"

namespace atelier::bench {
namespace {

using trainer::Tensor;

constexpr char kUsage[] =
    "usage: make_checkpoint --arch sd1|sdxl --size full|tiny --out FILE "
    "[--seed N] [--dtype float|fp16|bf16]";

constexpr SdLayoutOptions kTiny = {
    {32, 64, 128, 128}, {32, 64, 128, 128}, 128, 3};
// Of token and position embeddings, as CLIP was initialised.
constexpr double kEmbeddingDeviation = 0.02;

// A number of the tensor's own, from its name (FNV-1a).
uint64_t NumberOf(const std::string& name) {
  uint64_t number = 0xcbf29ce484222325;
  for (unsigned char letter : name) {
    number = (number ^ letter) * 0x100000001b3;
  }
  return number;
}

// Norms pass their input on; other weights keep the variance of what goes
// through them.
Tensor MakeWeight(const NamedShape& entry, uint64_t seed) {
  if (absl::EndsWith(entry.name, "position_ids")) {
    return torch::arange(entry.shape[1]).reshape(entry.shape);
  }
  if (entry.shape.size() == 1) {
    return absl::EndsWith(entry.name, ".weight") ? torch::ones(entry.shape)
                                                 : torch::zeros(entry.shape);
  }
  int64_t fan_in = 1;
  for (size_t i = 1; i < entry.shape.size(); ++i) fan_in *= entry.shape[i];
  const double deviation = absl::StrContains(entry.name, "embeddings.")
                               ? kEmbeddingDeviation
                               : 1 / std::sqrt(static_cast<double>(fan_in));
  const trainer::BatchRng rng{seed, NumberOf(entry.name), 0};
  // Uniform in ±bound has the deviation bound / sqrt(3).
  const double bound = std::sqrt(3.0) * deviation;
  return rng.Uniform(trainer::RngPurpose::kWeightInit, entry.shape)
      .mul_(2 * bound)
      .sub_(bound);
}

absl::StatusOr<std::vector<NamedShape>> LayoutOf(const std::string& arch,
                                                 const std::string& size) {
  if (size != "full" && size != "tiny") {
    return absl::InvalidArgumentError(
        absl::StrCat("--size is '", size, "'; must be full or tiny"));
  }
  if (arch == "sd1") {
    return SdLayout(size == "tiny" ? kTiny : SdLayoutOptions());
  }
  if (arch != "sdxl" || size != "full") {
    return absl::InvalidArgumentError(
        absl::StrCat("--arch ", arch, " --size ", size,
                     ": must be sd1 of either size or sdxl of full size"));
  }
  return testing::ReadShapeList(
      absl::StrCat(ATELIER_FULL_SIZE_DIR, "/", arch, ".txt"));
}

absl::Status Make(std::map<std::string, std::string> options) {
  for (const char* required : {"--arch", "--size", "--out"}) {
    if (options.count(required) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(required, " is missing; ", kUsage));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<NamedShape> layout,
                   LayoutOf(options["--arch"], options["--size"]));
  uint64_t seed = 0;
  if (options.count("--seed") && !absl::SimpleAtoi(options["--seed"], &seed)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--seed is '", options["--seed"], "'; must be a whole number from 0"));
  }
  const std::string precision =
      options.count("--dtype") ? options["--dtype"] : "float";
  ASSIGN_OR_RETURN(const torch::ScalarType dtype,
                   trainer::ParsePrecision(precision));
  std::vector<trainer::TensorToMake> tensors;
  for (const NamedShape& entry : layout) {
    const bool is_float = !absl::EndsWith(entry.name, "position_ids");
    tensors.push_back({entry.name, entry.shape,
                       is_float ? dtype : torch::kInt64,
                       [entry, seed] { return MakeWeight(entry, seed); }});
  }
  ASSIGN_OR_RETURN(const trainer::SavedFile saved,
                   trainer::WriteSafetensorsLazily(options["--out"],
                                                   std::move(tensors), {}));
  std::cout << options["--out"] << ": " << saved.size_bytes << " bytes, sha256 "
            << saved.sha256 << "\n";
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ParseArguments(int argc,
                                                                  char** argv) {
  static const std::set<std::string> known = {"--arch", "--size", "--out",
                                              "--seed", "--dtype"};
  std::map<std::string, std::string> options;
  for (int i = 1; i < argc; i += 2) {
    if (known.count(argv[i]) == 0 || i + 1 == argc) {
      return absl::InvalidArgumentError(absl::StrCat(
          known.count(argv[i]) == 0 ? "unknown option " : "no value for ",
          argv[i], "; ", kUsage));
    }
    options[argv[i]] = argv[i + 1];
  }
  return options;
}

int Main(int argc, char** argv) {
  const absl::Status status = trainer::CatchTorch([&]() -> absl::Status {
    ASSIGN_OR_RETURN(auto options, ParseArguments(argc, argv));
    return Make(std::move(options));
  });
  if (status.ok()) return 0;
  std::cerr << "make_checkpoint: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) { return atelier::bench::Main(argc, argv); }
