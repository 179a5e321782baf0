#include "trainer/architectures/ldm_unet/export.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/architectures/ldm_unet/clip_conditioner.h"
#include "trainer/architectures/ldm_unet/ddpm_recipe.h"
#include "trainer/architectures/ldm_unet/diffusers_configs.h"
#include "trainer/architectures/ldm_unet/keys.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/vae/keys.h"

namespace atelier::trainer {
namespace {

constexpr char kTextModel[] = "text_model.";

using TensorMap = std::map<std::string, Tensor>;

TensorMap ParametersOf(const torch::nn::Module& module,
                       const std::string& prefix) {
  TensorMap tensors;
  for (const auto& parameter : module.named_parameters()) {
    tensors[prefix + parameter.key()] = parameter.value().detach();
  }
  return tensors;
}

torch::ScalarType TypeOf(const Model& model, const std::string& original,
                         const Tensor& tensor) {
  const auto found = model.source_dtypes.find(original);
  return found == model.source_dtypes.end() ? tensor.scalar_type()
                                            : found->second;
}

// What was read by these rows is written by them, so nothing can be missing.
KeyMap MapOf(std::vector<KeyRule> rules) {
  absl::StatusOr<KeyMap> map = KeyMap::Make(std::move(rules));
  TORCH_INTERNAL_ASSERT(map.ok(), std::string(map.status().message()));
  return *std::move(map);
}

TensorMap Mapped(const KeyMap& map, const TensorMap& tensors,
                 KeyMap::Direction direction) {
  absl::StatusOr<TensorMap> mapped = map.Apply(tensors, direction);
  TORCH_INTERNAL_ASSERT(mapped.ok(), std::string(mapped.status().message()));
  return *std::move(mapped);
}

const torch::nn::Module& TextModule(const Model& model, size_t place) {
  return *model.conditioner->TextEncoders()[place].module;
}

// In the names of the single file that the model came from: older ones have no
// `text_model.`.
TensorMap OriginalText(const Model& model, const LdmTextPlace& place,
                       const torch::nn::Module& module) {
  TensorMap tensors = Mapped(MapOf(LdmTextKeys(place, "")),
                             ParametersOf(module, ""), KeyDirection::kForward);
  const std::string usual = place.prefix + kTextModel;
  const bool is_bare = model.source_dtypes.contains(
      place.prefix + "embeddings.token_embedding.weight");
  if (!is_bare) return tensors;
  TensorMap bare;
  for (auto& [name, tensor] : tensors) {
    bare[place.prefix + name.substr(usual.size())] = std::move(tensor);
  }
  return bare;
}

// A part in the layout of Diffusers, by rows to its original names.
DiffusersComponent PartByRules(const Model& model, const std::string& folder,
                               const TensorMap& originals,
                               std::vector<KeyRule> rules) {
  const KeyMap map = MapOf(std::move(rules));
  DiffusersComponent part;
  part.folder = folder;
  for (const auto& [original, tensor] : originals) {
    for (auto& [name, converted] :
         Mapped(map, {{original, tensor}}, KeyDirection::kBackward)) {
      part.tensors.push_back(
          {name, converted, TypeOf(model, original, tensor)});
    }
  }
  return part;
}

DiffusersComponent TextPart(const Model& model, const LdmTextPlace& place,
                            const ClipTextEncoder& encoder) {
  DiffusersComponent part;
  part.folder = place.folder;
  const KeyMap map = MapOf(LdmTextKeys(place, ""));
  const TensorMap tensors = ParametersOf(encoder, "");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  const auto plan = map.MakePlan(names, KeyDirection::kForward);
  TORCH_INTERNAL_ASSERT(plan.ok(), std::string(plan.status().message()));
  for (const auto& [original, pieces] : plan->targets) {
    for (const KeyPiece& piece : pieces) {
      const Tensor& tensor = tensors.at(piece.source);
      part.tensors.push_back(
          {piece.source, tensor, TypeOf(model, original, tensor)});
    }
  }
  part.files["config.json"] = TextConfigJson(encoder);
  return part;
}

DiffusersComponent TokenizerPart(const LdmTextPlace& place,
                                 const ClipTextEncoder& encoder,
                                 const ClipTokenizerFiles& files) {
  DiffusersComponent part;
  part.folder = place.tokenizer;
  part.files = files;
  part.files["tokenizer_config.json"] =
      TokenizerConfigJson(place.pad_token, encoder.config().positions);
  part.files["special_tokens_map.json"] = SpecialTokensJson(place.pad_token);
  return part;
}

}  // namespace

std::vector<ExportedFile> ExportLdmFiles(const Model& model,
                                         const LdmFamily& family) {
  TensorMap tensors = model.untouched;
  tensors.merge(ParametersOf(*model.denoiser, kLdmUnetPrefix));
  tensors.merge(ParametersOf(*model.vae, kLdmVaePrefix));
  for (size_t i = 0; i < family.text.size(); ++i) {
    tensors.merge(OriginalText(model, family.text[i], TextModule(model, i)));
  }
  ExportedFile file;
  for (auto& [name, tensor] : tensors) {
    file.tensors.push_back({name, tensor, TypeOf(model, name, tensor)});
  }
  return {file};
}

DiffusersExport ExportLdmDiffusers(const Model& model,
                                   const LdmFamily& family) {
  const auto& unet = static_cast<const LdmUnet&>(*model.denoiser);
  const auto& conditioner =
      static_cast<const LdmConditioner&>(*model.conditioner);
  const auto& recipe = static_cast<const DdpmRecipe&>(*model.recipe);
  DiffusersExport result;
  result.model_index = ModelIndexJson(family);
  DiffusersComponent part =
      PartByRules(model, "unet", ParametersOf(unet, kLdmUnetPrefix),
                  LdmUnetDiffusersKeys(family.unet, "", kLdmUnetPrefix));
  part.files["config.json"] = UnetConfigJson(unet.config(), family);
  result.components.push_back(std::move(part));
  const AutoencoderConfig& vae = model.vae->config();
  part = PartByRules(
      model, "vae", ParametersOf(*model.vae, kLdmVaePrefix),
      AutoencoderDiffusersKeys(static_cast<int64_t>(vae.channels.size()), "",
                               kLdmVaePrefix));
  part.files["config.json"] = VaeConfigJson(vae, family);
  result.components.push_back(std::move(part));
  for (size_t i = 0; i < family.text.size(); ++i) {
    const auto& encoder =
        dynamic_cast<const ClipTextEncoder&>(TextModule(model, i));
    result.components.push_back(TextPart(model, family.text[i], encoder));
    result.components.push_back(
        TokenizerPart(family.text[i], encoder, conditioner.tokenizer_files()));
  }
  part = {};
  part.folder = "scheduler";
  part.files["scheduler_config.json"] =
      SchedulerConfigJson(family.scheduler, recipe.options());
  result.components.push_back(std::move(part));
  return result;
}

}  // namespace atelier::trainer
