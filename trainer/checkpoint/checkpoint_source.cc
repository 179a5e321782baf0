#include "trainer/checkpoint/checkpoint_source.h"

#include <sys/stat.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/diffusers_folder.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/sharded_weights.h"
#include "trainer/checkpoint/torch_save/torch_file.h"

namespace atelier::trainer {
namespace {

constexpr char kExpected[] =
    "; expected a .safetensors file, a .ckpt of torch.save, or a Diffusers "
    "folder";

// What else people have under such names; empty when it is none of those.
absl::string_view KnownMistake(absl::string_view head) {
  if (head.empty()) return "is empty; copy or download it again";
  if (absl::StartsWith(head, "version https://git-lfs")) {
    return "is a Git LFS pointer, not the data; fetch it with `git lfs pull`";
  }
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(head);
  if (absl::StartsWithIgnoreCase(text, "<!doctype") ||
      absl::StartsWithIgnoreCase(text, "<html")) {
    return "is a web page, not the data; download the file itself";
  }
  return "";
}

// An eight-byte length and the beginning of a JSON object.
bool LooksLikeSafetensors(absl::string_view head) {
  uint64_t length = 0;
  if (head.size() < sizeof(length) + 1) return false;
  std::memcpy(&length, head.data(), sizeof(length));
  return head[sizeof(length)] == '{';
}

absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenFile(
    const std::string& path) {
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  const absl::string_view head = file->bytes().substr(0, 512);
  if (const absl::string_view mistake = KnownMistake(head); !mistake.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " ", mistake));
  }
  if (LooksLikeSafetensors(head)) {
    return SafetensorsFile::Open(std::move(file));
  }
  if (TorchFile::LooksLikeOne(head)) return TorchFile::Open(std::move(file));
  if (absl::EndsWith(path, ".safetensors") || absl::EndsWith(path, ".sft")) {
    return SafetensorsFile::Open(std::move(file));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is of no known form", kExpected));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenCheckpoint(
    const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    if (!DiffusersFolder::LooksLikeOne(path) && HasWeights(path)) {
      return OpenWeightFolder(path);
    }
    return DiffusersFolder::Open(path);
  }
  if (IsShardIndexName(path)) return ShardedWeights::OpenIndex(path);
  if (IsShardName(path)) return ShardedWeights::OpenShard(path);
  ASSIGN_OR_RETURN(auto source, OpenFile(path));
  if (source->index().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds no tensors", kExpected));
  }
  return source;
}

}  // namespace atelier::trainer
