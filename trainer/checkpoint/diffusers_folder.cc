#include "trainer/checkpoint/diffusers_folder.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/json_file.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/checkpoint/sharded_weights.h"

namespace atelier::trainer {
namespace {

using nlohmann::json;

constexpr char kIndexFile[] = "model_index.json";
// What training can need of a pipeline.
constexpr const char* kComponents[] = {
    "unet",         "transformer",    "vae",
    "text_encoder", "text_encoder_2", "text_encoder_3",
};

// A component is there when its entry names a class: ["diffusers",
// "AutoencoderKL"].
bool NamesClass(const json& index, const char* component) {
  const auto entry = index.find(component);
  return entry != index.end() && entry->is_array() && entry->size() == 2 &&
         (*entry)[1].is_string();
}

}  // namespace

bool DiffusersFolder::LooksLikeOne(const std::string& path) {
  struct stat info;
  return stat(absl::StrCat(path, "/", kIndexFile).c_str(), &info) == 0;
}

absl::StatusOr<std::unique_ptr<DiffusersFolder>> DiffusersFolder::Open(
    const std::string& path) {
  if (!LooksLikeOne(path)) {
    return absl::NotFoundError(absl::StrCat(
        path, " is a folder without ", kIndexFile,
        " and without weights; expected a Diffusers folder, the folder of one "
        "of its components, or the path of a checkpoint file"));
  }
  const std::string index_path = absl::StrCat(path, "/", kIndexFile);
  ASSIGN_OR_RETURN(const json index, ReadJsonObject(index_path));
  std::unique_ptr<DiffusersFolder> folder(new DiffusersFolder(path));
  const auto name = index.find("_class_name");
  const std::string class_name = name != index.end() && name->is_string()
                                     ? name->get<std::string>()
                                     : "unknown";
  folder->metadata_["pipeline_class"] = class_name;
  for (const char* component : kComponents) {
    if (!NamesClass(index, component)) continue;
    ASSIGN_OR_RETURN(auto weights,
                     OpenWeightFolder(absl::StrCat(path, "/", component)));
    for (const auto& [tensor, info] : weights->index()) {
      folder->index_[absl::StrCat(component, "/", tensor)] = info;
    }
    folder->components_[component] = std::move(weights);
  }
  if (folder->components_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(index_path, ": pipeline class '", class_name,
                     "' is not supported: it has no unet, transformer, vae or "
                     "text_encoder"));
  }
  return folder;
}

absl::StatusOr<Tensor> DiffusersFolder::Read(const std::string& name) const {
  const size_t slash = name.find('/');
  const auto component = components_.find(name.substr(0, slash));
  if (slash == std::string::npos || component == components_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no tensor '", name, "' in ", path_));
  }
  return component->second->Read(name.substr(slash + 1));
}

absl::StatusOr<std::string> DiffusersFolder::Digest() const {
  Sha256 digest;
  for (const auto& [name, source] : components_) {
    ASSIGN_OR_RETURN(const std::string contents, source->Digest());
    digest.Update(absl::StrCat(name, "\n", contents, "\n"));
  }
  return digest.Finish();
}

}  // namespace atelier::trainer
