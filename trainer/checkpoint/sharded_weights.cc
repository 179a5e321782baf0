#include "trainer/checkpoint/sharded_weights.h"

#include <sys/stat.h>

#include <regex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/json_file.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/checkpoint/torch_save/torch_file.h"

namespace atelier::trainer {
namespace {

constexpr char kIndexEnding[] = ".index.json";
// Names of weight files, best first.
constexpr const char* kWeightFiles[] = {
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
    "diffusion_pytorch_model.fp16.bin",
    "pytorch_model.fp16.bin",
};

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

// What comes before the file's name, with the slash.
std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// `model-00001-of-00002.safetensors` taken apart.
struct ShardName {
  std::string stem;  // `model`
  int count = 0;
};

std::optional<ShardName> ParseShardName(const std::string& path) {
  static const auto* const kPattern =
      new std::regex(R"((.+)-[0-9]{5}-of-([0-9]{5})\.safetensors)");
  const std::string file = path.substr(FolderOf(path).size());
  std::smatch match;
  if (!std::regex_match(file, match, *kPattern)) return std::nullopt;
  ShardName name;
  name.stem = match[1];
  if (!absl::SimpleAtoi(match[2].str(), &name.count)) return std::nullopt;
  return name;
}

// Shards lie beside their index; a name must not lead elsewhere.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name[0] != '.' &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadShards(
    const std::string& path) {
  ASSIGN_OR_RETURN(const nlohmann::json index, ReadJsonObject(path));
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has no weight_map of tensors to files"));
  }
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": the shard of '", tensor, "' is not a file name"));
    }
    const std::string name = shard.get<std::string>();
    if (!IsPlainName(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": the shard of '", tensor, "' is '", name,
                       "'; must be the name of a file beside the index"));
    }
    shards[name].insert(tensor);
  }
  return shards;
}

absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenWeights(
    const std::string& path) {
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  if (absl::EndsWith(path, ".bin")) return TorchFile::Open(std::move(file));
  return SafetensorsFile::Open(std::move(file));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointSource>> ShardedWeights::OpenIndex(
    const std::string& index_path) {
  ASSIGN_OR_RETURN(const Shards shards, ReadShards(index_path));
  std::unique_ptr<ShardedWeights> weights(new ShardedWeights(index_path));
  RETURN_IF_ERROR(weights->AddShards(shards, index_path));
  return weights;
}

absl::StatusOr<std::unique_ptr<CheckpointSource>> ShardedWeights::OpenShard(
    const std::string& path) {
  const std::optional<ShardName> name = ParseShardName(path);
  if (!name.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is not named like a shard, model-00001-of-00002.safetensors"));
  }
  const std::string index =
      absl::StrCat(FolderOf(path), name->stem, ".safetensors", kIndexEnding);
  if (FileExists(index)) return OpenIndex(index);
  Shards shards;
  for (int i = 1; i <= name->count; ++i) {
    shards[absl::StrFormat("%s-%05d-of-%05d.safetensors", name->stem, i,
                           name->count)] = {};
  }
  std::unique_ptr<ShardedWeights> weights(new ShardedWeights(path));
  RETURN_IF_ERROR(weights->AddShards(shards, path));
  return weights;
}

absl::Status ShardedWeights::AddShards(const Shards& shards,
                                       const std::string& listed_in) {
  const std::string folder = FolderOf(listed_in);
  const std::string list = listed_in.substr(folder.size());
  for (const auto& [shard, tensors] : shards) {
    if (!FileExists(folder + shard)) {
      return absl::NotFoundError(absl::StrCat("shard ", folder, shard,
                                              " is missing; ", list, " lists ",
                                              shards.size(), " shards"));
    }
    RETURN_IF_ERROR(AddShard(folder + shard, shard));
    for (const std::string& tensor : tensors) {
      if (index_.contains(tensor)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(folder, shard, " lacks tensor '", tensor, "', which ",
                       list, " places there"));
    }
  }
  return absl::OkStatus();
}

absl::Status ShardedWeights::AddShard(const std::string& path,
                                      const std::string& name) {
  ASSIGN_OR_RETURN(auto source, OpenWeights(path));
  for (const auto& [tensor, info] : source->index()) {
    if (!index_.emplace(tensor, info).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", tensor, "' stands in ", file_of_[tensor],
                       " and in ", path));
    }
    file_of_[tensor] = name;
  }
  for (const auto& [key, value] : source->metadata()) {
    metadata_.emplace(key, value);
  }
  files_[name] = std::move(source);
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ShardedWeights::Read(const std::string& name) const {
  const auto file = file_of_.find(name);
  if (file == file_of_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no tensor '", name, "' in ", path_));
  }
  return files_.at(file->second)->Read(name);
}

absl::StatusOr<std::string> ShardedWeights::Digest() const {
  Sha256 digest;
  for (const auto& [name, source] : files_) {
    ASSIGN_OR_RETURN(const std::string contents, source->Digest());
    digest.Update(absl::StrCat(name, "\n", contents, "\n"));
  }
  return digest.Finish();
}

bool IsShardIndexName(const std::string& path) {
  return absl::EndsWith(path, kIndexEnding) ||
         absl::EndsWith(path, ".index.fp16.json");
}

bool IsShardName(const std::string& path) {
  return ParseShardName(path).has_value();
}

absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenWeightFolder(
    const std::string& folder) {
  for (const char* name : kWeightFiles) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!FileExists(path)) continue;
    if (IsShardIndexName(path)) return ShardedWeights::OpenIndex(path);
    return OpenWeights(path);
  }
  return absl::NotFoundError(
      absl::StrCat(folder, "/ has no weights; expected ", kWeightFiles[0], ", ",
                   kWeightFiles[1], ", their shards or a .bin file"));
}

bool HasWeights(const std::string& folder) {
  for (const char* name : kWeightFiles) {
    if (FileExists(absl::StrCat(folder, "/", name))) return true;
  }
  return false;
}

}  // namespace atelier::trainer
