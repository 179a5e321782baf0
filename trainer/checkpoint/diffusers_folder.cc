#include "trainer/checkpoint/diffusers_folder.h"

#include <sys/stat.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/checkpoint/torch_save/torch_file.h"

namespace atelier::trainer {
namespace {

using nlohmann::json;

constexpr char kIndexFile[] = "model_index.json";
// What training can need of a pipeline.
constexpr const char* kComponents[] = {
    "unet",         "transformer",    "vae",
    "text_encoder", "text_encoder_2", "text_encoder_3",
};
// Names of weight files, best first; an `.index.json` lists shards.
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
// The index of the largest published models has about a tenth of a megabyte.
constexpr size_t kMaxJsonBytes = 16 << 20;

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::StatusOr<json> ReadJsonObject(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const absl::string_view text = file->bytes();
  if (text.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", text.size(), " bytes; at most ",
                     kMaxJsonBytes, " are plausible"));
  }
  json value = json::parse(text.begin(), text.end(), nullptr, false);
  if (!value.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, value.is_discarded() ? " is not valid JSON; it may be cut off"
                                   : " is not a JSON object"));
  }
  return value;
}

// A component is there when its entry names a class: ["diffusers",
// "AutoencoderKL"].
bool NamesClass(const json& index, const char* component) {
  const auto entry = index.find(component);
  return entry != index.end() && entry->is_array() && entry->size() == 2 &&
         (*entry)[1].is_string();
}

// Shards lie beside their index; a name must not lead elsewhere.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name[0] != '.' &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadShards(
    const std::string& path) {
  ASSIGN_OR_RETURN(const json index, ReadJsonObject(path));
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

absl::StatusOr<std::unique_ptr<DiffusersFolder>> DiffusersFolder::Open(
    const std::string& path) {
  const std::string index_path = absl::StrCat(path, "/", kIndexFile);
  if (!FileExists(index_path)) {
    return absl::NotFoundError(absl::StrCat(
        path, " is a folder without ", kIndexFile,
        "; expected a Diffusers folder, or the path of a checkpoint file"));
  }
  ASSIGN_OR_RETURN(const json index, ReadJsonObject(index_path));
  std::unique_ptr<DiffusersFolder> folder(new DiffusersFolder(path));
  const auto name = index.find("_class_name");
  const std::string class_name = name != index.end() && name->is_string()
                                     ? name->get<std::string>()
                                     : "unknown";
  folder->metadata_["pipeline_class"] = class_name;
  bool found = false;
  for (const char* component : kComponents) {
    if (!NamesClass(index, component)) continue;
    found = true;
    RETURN_IF_ERROR(folder->AddComponent(component));
  }
  if (!found) {
    return absl::InvalidArgumentError(
        absl::StrCat(index_path, ": pipeline class '", class_name,
                     "' is not supported: it has no unet, transformer, vae or "
                     "text_encoder"));
  }
  return folder;
}

absl::Status DiffusersFolder::AddComponent(const std::string& component) {
  const std::string folder = absl::StrCat(path_, "/", component, "/");
  for (const char* name : kWeightFiles) {
    if (!FileExists(folder + name)) continue;
    if (!absl::EndsWith(name, ".json")) return AddFile(component, name);
    ASSIGN_OR_RETURN(const auto shards, ReadShards(folder + name));
    for (const auto& [shard, tensors] : shards) {
      if (!FileExists(folder + shard)) {
        return absl::NotFoundError(
            absl::StrCat("shard ", folder, shard, " is missing; ", name,
                         " lists ", shards.size(), " shards"));
      }
      RETURN_IF_ERROR(AddFile(component, shard));
      for (const std::string& tensor : tensors) {
        if (index_.count(absl::StrCat(component, "/", tensor)) > 0) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(folder, shard, " lacks tensor '", tensor, "', which ",
                         name, " places there"));
      }
    }
    return absl::OkStatus();
  }
  return absl::NotFoundError(
      absl::StrCat(folder, " has no weights; expected ", kWeightFiles[0], ", ",
                   kWeightFiles[1], ", their shards or a .bin file"));
}

absl::Status DiffusersFolder::AddFile(const std::string& component,
                                      const std::string& file) {
  const std::string name = absl::StrCat(component, "/", file);
  ASSIGN_OR_RETURN(auto source, OpenWeights(absl::StrCat(path_, "/", name)));
  for (const auto& [tensor, info] : source->index()) {
    const std::string key = absl::StrCat(component, "/", tensor);
    if (!index_.emplace(key, info).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", key, "' stands in ", file_of_[key],
                       " and in ", name, " of ", path_));
    }
    file_of_[key] = name;
  }
  files_[name] = std::move(source);
  return absl::OkStatus();
}

absl::StatusOr<Tensor> DiffusersFolder::Read(const std::string& name) const {
  const auto file = file_of_.find(name);
  if (file == file_of_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no tensor '", name, "' in ", path_));
  }
  return files_.at(file->second)->Read(name.substr(name.find('/') + 1));
}

absl::StatusOr<std::string> DiffusersFolder::Digest() const {
  Sha256 digest;
  for (const auto& [name, source] : files_) {
    ASSIGN_OR_RETURN(const std::string contents, source->Digest());
    digest.Update(absl::StrCat(name, "\n", contents, "\n"));
  }
  return digest.Finish();
}

}  // namespace atelier::trainer
