// The seam between the training loop and the model families. One family is one
// folder beside this file and one row in registry.cc; the loop, the server and
// the client know none of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/architectures/caption_length.h"
#include "trainer/architectures/model_options.h"
#include "trainer/architectures/recipe.h"
#include "trainer/architectures/text_arrays.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/job/image_geometry.h"
#include "trainer/tensor/random_tensor.h"
#include "trainer/tensor/torch.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {

// A module of the conditioner with the name its options and learning rates use.
struct TextEncoder {
  std::string name;  // `text_encoder`, `text_encoder1`, …
  std::shared_ptr<torch::nn::Module> module;
};

// What the text encoders make of captions: what a cache keeps. The conditioner
// says what each place holds; row b of every tensor belongs to caption b.
// Places of encoders that were not asked for are undefined.
using EncodedText = std::vector<Tensor>;

// Of a preview's prompt and of what it is to avoid.
struct EncodedPrompt {
  EncodedText positive;
  EncodedText negative;
};

// Which text encoders run.
enum class EncoderChoice {
  kAll,
  kFrozen,   // those without a parameter that requires a gradient
  kTrained,  // the others
};

// Lets every parameter of a module take gradients; loaded ones do not.
void AllowTraining(torch::nn::Module& module);

// Whether a text encoder runs under this choice.
bool IsChosen(const torch::nn::Module& text_encoder, EncoderChoice choice);

// Captions to conditioning; owns tokenizers and text encoders.
class Conditioner {
 public:
  virtual ~Conditioner() = default;

  // Those that are in memory.
  virtual std::vector<TextEncoder> TextEncoders() const = 0;
  // Gradients flow into encoders whose parameters require them, unless grad
  // mode is off.
  virtual EncodedText Encode(absl::Span<const std::string> captions,
                             EncoderChoice choice) = 0;
  // The same for what a preview is to avoid.
  virtual EncodedText EncodeNegative(absl::Span<const std::string> captions,
                                     EncoderChoice choice) {
    return Encode(captions, choice);
  }
  // Both for one preview. Families that read weights in prompts, `(text:1.2)`,
  // do so here whatever the options of training say, and take prompts of up to
  // 225 tokens; the shapes may be others than those of Encode.
  virtual EncodedPrompt EncodePrompt(const std::string& prompt,
                                     const std::string& negative,
                                     EncoderChoice choice) {
    return {Encode({&prompt, 1}, choice),
            EncodeNegative({&negative, 1}, choice)};
  }
  // Joins the encoders' outputs, on the device of the denoiser, to what the
  // denoiser takes. `geometry` has one entry a caption. `rng` is null for
  // previews, which nothing random touches.
  virtual Conditioning Condition(const EncodedText& text,
                                 absl::Span<const ImageGeometry> geometry,
                                 const BatchRng* rng) = 0;
  // sd-scripts' file of what these encoders make of a caption: what follows an
  // image's stem in its name; empty: it has none.
  virtual std::string TextFileSuffix() const { return ""; }
  // Rows [1, ...] in the places of Encode (kFrozen) from that file's arrays.
  // Errors: FAILED_PRECONDITION for arrays that are missing, have other sizes,
  // or were made with other options or, as far as they tell, of another text.
  virtual absl::StatusOr<EncodedText> FromTextFile(
      const TextArrays& /*arrays*/, const std::string& /*caption*/) const {
    return absl::FailedPreconditionError("there is no such file");
  }
  // The reverse; empty where not all is there that such a file holds.
  virtual TextArrays ToTextFile(const EncodedText& /*text*/,
                                const std::string& /*caption*/) const {
    return {};
  }
  virtual void SetGradientCheckpointing(bool enabled) = 0;
  // Frees the encoders that are not trained: whatever they could be asked is
  // cached. Does nothing for those that the saved checkpoint holds.
  virtual void ReleaseFrozen() {}
};

// The files that a model is read from.
struct ModelSources {
  const CheckpointSource* main = nullptr;
  // Components given on their own, by the name of their option: `vae`, `ae`,
  // `clip_l`, `clip_g`, `t5xxl`, `gemma2`. Each replaces what `main` has.
  std::map<std::string, std::unique_ptr<CheckpointSource>> components;
  // As StateLoadOptions has it, for denoisers and text encoders.
  bool keeps_types = false;

  // Null where the option is not given.
  const CheckpointSource* Find(const std::string& option) const {
    const auto found = components.find(option);
    return found == components.end() ? nullptr : found->second.get();
  }
};

struct Model {
  std::shared_ptr<Denoiser> denoiser;
  std::unique_ptr<Conditioner> conditioner;
  std::shared_ptr<AutoencoderKl> vae;
  std::unique_ptr<Recipe> recipe;
  // Tensors of the checkpoint that no module holds, by their names in the
  // original layout. Copies in host memory: saving needs no source file.
  std::map<std::string, Tensor> untouched;
  // The type that each tensor of the original layout had on disk, for saving
  // without save_precision.
  std::map<std::string, torch::ScalarType> source_dtypes;
  // modelspec.architecture of what is saved, where variants differ; empty: the
  // row's.
  std::string modelspec_architecture;
  // What whoever started the run should know about these sources.
  std::vector<std::string> warnings;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
  // Of the checkpoint it came from; what it is saved in without
  // save_precision.
  torch::ScalarType source_dtype = torch::kFloat32;
};

// One file of a checkpoint. The main one has no suffix; others stand beside it
// as `<name><suffix>.safetensors`, for example `_clip_l`.
struct ExportedFile {
  std::string suffix;
  std::vector<NamedTensor> tensors;
};

// A folder of a model in the Diffusers layout.
struct DiffusersComponent {
  std::string folder;  // `unet`
  std::vector<NamedTensor> tensors;
  // Other files of the folder by name: config.json, vocabularies.
  std::map<std::string, std::string> files;
};

struct DiffusersExport {
  std::string model_index;  // model_index.json
  std::vector<DiffusersComponent> components;
};

// What a preview is that does not say it.
struct PreviewDefaults {
  int width = 512;
  int height = 512;
  int steps = 30;
  double cfg_scale = 7.5;
  int size_multiple = 8;  // pixels; sizes are rounded down to it
};

// sd-scripts' files of latents: `<stem>_WWWWxHHHH<suffix>`.
struct LatentFiles {
  std::string_view suffix = {};        // is written and read
  std::string_view other_suffix = {};  // is read; empty: none
  bool has_plain_name = false;         // `<stem>.npz` is read first
  bool has_size_keys = false;  // arrays are named after the latents' size
  bool is_scaled = false;      // they hold what the denoiser sees
};

struct Architecture {
  std::string_view name;  // the folder's, and what people type
  // Says whether a checkpoint is ours, from names and shapes alone; if so,
  // which variant, in words.
  std::optional<std::string> (*detect)(const TensorIndex& index);
  // Reads every weight into modules on the CPU, in fp32 unless the sources keep
  // their types, all missing, unexpected and misshapen keys in one error.
  // Parameters that are never trained do not require gradients, the others do.
  absl::StatusOr<Model> (*load)(const ModelSources& sources,
                                const ModelOptions& options);
  // The whole model in the original layout, the untouched tensors included, in
  // the order of their names. The tensors share memory with the model.
  // `trained` has the names of the text encoders that are or were trained.
  std::vector<ExportedFile> (*export_files)(
      const Model& model, const std::set<std::string>& trained);
  // The same as a Diffusers folder; null: save_model_as does not offer it.
  DiffusersExport (*export_diffusers)(const Model& model) = nullptr;
  FindCaptionLengths caption_lengths = nullptr;
  std::string_view denoiser_name = "unet";  // of its optimizer group
  PreviewDefaults preview = {};
  // The place of a denoiser's parameter among the values of block_lr; null:
  // the family has no such option.
  std::optional<int> (*block_of)(std::string_view parameter) = nullptr;
  int blocks = 0;  // values that block_lr needs
  // modelspec.architecture and modelspec.implementation of what is saved.
  std::string_view modelspec_architecture;
  std::string_view modelspec_implementation;
  // Latent cells are this many pixels wide; bucket_reso_steps must be a
  // multiple of bucket_step_px.
  int latent_scale = 8;
  int bucket_step_px = 64;
  LatentFiles latent_files = {};
};

// Every architecture that is compiled in, one row each.
absl::Span<const Architecture> AllArchitectures();
// Errors: INVALID_ARGUMENT, naming those that exist.
absl::StatusOr<const Architecture*> FindArchitecture(std::string_view name);

}  // namespace atelier::trainer
