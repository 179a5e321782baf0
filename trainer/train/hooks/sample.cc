#include "trainer/train/hooks/sample.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "proto/cc/status_macros.h"
#include "trainer/tensor/catch_torch.h"
#include "trainer/tensor/device.h"
#include "trainer/tensor/rng.h"
#include "trainer/train/autocast.h"
#include "trainer/train/evaluating.h"
#include "trainer/train/hooks/diversity.h"
#include "trainer/train/hooks/png_file.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {
namespace {

// As other programs write it into pictures.
std::string ParametersText(const PreviewPrompt& prompt, uint64_t seed,
                           const std::string& model) {
  std::string text = prompt.prompt;
  if (!prompt.negative_prompt.empty()) {
    absl::StrAppend(&text, "\nNegative prompt: ", prompt.negative_prompt);
  }
  absl::StrAppendFormat(
      &text, "\nSteps: %d, Sampler: %s, CFG scale: %g, Seed: %d, Size: %dx%d",
      prompt.steps, prompt.sampler, prompt.scale, seed, prompt.width,
      prompt.height);
  absl::StrAppend(&text, ", Model: ", model);
  return text;
}

absl::Status CheckSamplers(const std::vector<PreviewPrompt>& prompts,
                           const std::vector<std::string>& known) {
  for (const PreviewPrompt& prompt : prompts) {
    if (std::find(known.begin(), known.end(), prompt.sampler) != known.end()) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "sampler `", prompt.sampler, "` of prompt `", prompt.prompt,
        "`; must be one of ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

// As in sd-scripts, rectified flow is sampled in its one way whatever a prompt
// asks for; that is said once.
void UseTheOnlySampler(const std::vector<std::string>& samplers,
                       std::vector<PreviewPrompt>& prompts,
                       Reporter& reporter) {
  if (samplers.size() != 1) return;
  bool is_said = false;
  for (PreviewPrompt& prompt : prompts) {
    if (prompt.sampler == samplers.front()) continue;
    if (!is_said) {
      reporter.Warn(absl::StrCat("sampler `", prompt.sampler,
                                 "` is left aside: this model is sampled by ",
                                 samplers.front(), " only"));
    }
    is_said = true;
    prompt.sampler = samplers.front();
  }
}

PreviewPrompt WithDefaults(const PreviewDefaults& defaults) {
  PreviewPrompt prompt;
  prompt.width = defaults.width;
  prompt.height = defaults.height;
  prompt.steps = defaults.steps;
  prompt.scale = defaults.cfg_scale;
  return prompt;
}

// Down to a size that the architecture can draw.
int Fit(int size, const PreviewDefaults& defaults) {
  return std::max(defaults.size_multiple, size - size % defaults.size_multiple);
}

}  // namespace

absl::StatusOr<SampleHook> SampleHook::Make(const Training& training,
                                            const std::string& output_dir,
                                            Reporter& reporter) {
  const PreviewOptions& options = training.preview;
  const PreviewDefaults& defaults = training.architecture->preview;
  const PreviewPrompt base = WithDefaults(defaults);
  const std::vector<std::string> samplers = training.model.recipe->Samplers();
  std::vector<PreviewPrompt> prompts;
  if (!options.prompt_file.empty()) {
    ASSIGN_OR_RETURN(prompts, ReadPromptFile(options.prompt_file, base));
  }
  for (const std::string& line : options.prompts) {
    absl::StatusOr<PreviewPrompt> prompt = ParsePromptLine(line, base);
    if (!prompt.ok()) return AddContext(prompt.status(), "sample_prompt");
    prompts.push_back(*std::move(prompt));
  }
  for (PreviewPrompt& prompt : prompts) {
    if (prompt.sampler.empty()) prompt.sampler = options.sampler;
    if (prompt.sampler.empty()) prompt.sampler = samplers.front();
    prompt.width = Fit(prompt.width, defaults);
    prompt.height = Fit(prompt.height, defaults);
  }
  UseTheOnlySampler(samplers, prompts, reporter);
  RETURN_IF_ERROR(CheckSamplers(prompts, samplers));
  return SampleHook(training, output_dir, std::move(prompts), reporter);
}

SampleHook::SampleHook(const Training& training, std::string output_dir,
                       std::vector<PreviewPrompt> prompts, Reporter& reporter)
    : training_(&training),
      output_dir_(std::move(output_dir)),
      prompts_(std::move(prompts)),
      reporter_(&reporter) {}

void SampleHook::AtFirst() {
  if (training_->preview.at_first) DrawAll("e000000");
}

void SampleHook::AfterStep(int64_t step, int64_t ended_epoch) {
  const PreviewOptions& options = training_->preview;
  if (options.every_n_epochs > 0) {
    if (ended_epoch > 0 && ended_epoch % options.every_n_epochs == 0) {
      DrawAll(absl::StrFormat("e%06d", ended_epoch));
    }
    return;
  }
  if (options.every_n_steps > 0 && step % options.every_n_steps == 0) {
    DrawAll(absl::StrFormat("%06d", step));
  }
}

void SampleHook::OnRequest(int64_t step) {
  if (prompts_.empty()) {
    return reporter_->Warn(
        "a sample was asked for, but the job has no sample_prompts");
  }
  DrawAll(absl::StrFormat("%06d", step));
}

void SampleHook::DrawAll(const std::string& tag) {
  const auto count = static_cast<int64_t>(prompts_.size());
  if (count == 0) return;
  reporter_->EnterPhase("sampling", "", 0, count);
  thumbnails_.clear();
  std::optional<Ema::Use> average;
  std::optional<EvalWeights> weights;
  if (training_->spec.training().run().sample_with_ema() &&
      training_->ema != nullptr) {
    average.emplace(*training_->ema, 0);
  } else {
    weights.emplace(*training_->optimizer);
  }
  for (size_t i = 0; i < prompts_.size(); ++i) {
    absl::StatusOr<SampleSaved> saved =
        CatchTorchOr([&] { return DrawOne(i, tag); });
    if (saved.ok()) {
      reporter_->Send(*std::move(saved));
    } else {
      reporter_->Warn(absl::StrCat("no sample of `", prompts_[i].prompt,
                                   "`: ", saved.status().message()));
    }
    // Previews take long: a run that is asked to stop leaves out the rest.
    if (!reporter_->Progress(static_cast<int64_t>(i) + 1, count).ok()) return;
  }
  reporter_->EnterPhase("training");
}

absl::StatusOr<SampleSaved> SampleHook::DrawOne(size_t index,
                                                const std::string& tag) {
  const PreviewPrompt& prompt = prompts_[index];
  const uint64_t seed = SeedOf(index);
  ASSIGN_OR_RETURN(const Tensor image, DrawImage(index, seed));
  thumbnails_.push_back(Thumbnail(image));
  const std::string& name = training_->preview.output_name;
  SampleSaved event;
  event.path = absl::StrCat(
      "sample/", name.empty() ? "" : absl::StrCat(name, "_"), tag,
      absl::StrFormat("_%02d_", index),
      absl::FormatTime("%Y%m%d%H%M%S", absl::Now(), absl::UTCTimeZone()),
      prompt.seed.has_value() ? absl::StrCat("_", seed) : "", ".png");
  std::error_code error;
  std::filesystem::create_directories(absl::StrCat(output_dir_, "/sample"),
                                      error);
  ASSIGN_OR_RETURN(
      const SavedFile saved,
      WritePng(absl::StrCat(output_dir_, "/", event.path), image,
               {{"parameters", ParametersText(prompt, seed, name)},
                {"Software", absl::StrCat("atelier ", ATELIER_VERSION)}}));
  event.size_bytes = saved.size_bytes;
  event.sha256 = saved.sha256;
  event.prompt = prompt.prompt;
  event.prompt_index = static_cast<int64_t>(index);
  event.seed = static_cast<int64_t>(seed);
  event.width = prompt.width;
  event.height = prompt.height;
  return event;
}

std::optional<double> SampleHook::TakeDiversity() {
  // A drawing that lacks pictures says nothing.
  const bool is_whole = thumbnails_.size() == prompts_.size();
  const std::vector<Tensor> thumbnails = std::exchange(thumbnails_, {});
  if (!is_whole) return std::nullopt;
  return MeanDistance(thumbnails);
}

SampleHook::Encoded SampleHook::Encode(const PreviewPrompt& prompt,
                                       EncoderChoice choice) const {
  Conditioner& conditioner = *training_->model.conditioner;
  EncodedPrompt encoded =
      conditioner.EncodePrompt(prompt.prompt, prompt.negative_prompt, choice);
  return {std::move(encoded.positive), std::move(encoded.negative)};
}

void SampleHook::EncodePrompts() {
  if (training_->texts == nullptr) return;
  const Evaluating evaluating(training_->model);
  const Autocast autocast(training_->device.type(), training_->loop.precision);
  for (const PreviewPrompt& prompt : prompts_) {
    encoded_.push_back(Encode(prompt, EncoderChoice::kFrozen));
  }
}

absl::StatusOr<Tensor> SampleHook::DrawImage(size_t index, uint64_t seed) {
  const PreviewPrompt& prompt = prompts_[index];
  const Model& model = training_->model;
  const torch::Device device = training_->device;
  const Evaluating evaluating(model);
  const Autocast autocast(device.type(), training_->loop.precision);
  ImageGeometry geometry;
  geometry.original_width = geometry.target_width = prompt.width;
  geometry.original_height = geometry.target_height = prompt.height;
  Encoded encoded;
  if (encoded_.empty()) {
    encoded = Encode(prompt, EncoderChoice::kAll);
  } else {
    const Encoded live = Encode(prompt, EncoderChoice::kTrained);
    encoded = {JoinEncoded(encoded_[index].positive, live.positive, device),
               JoinEncoded(encoded_[index].negative, live.negative, device)};
  }
  PreviewRequest request;
  request.positive =
      model.conditioner->Condition(encoded.positive, {geometry}, nullptr);
  request.negative =
      model.conditioner->Condition(encoded.negative, {geometry}, nullptr);
  request.width = prompt.width;
  request.height = prompt.height;
  request.steps = prompt.steps;
  request.cfg_scale = prompt.scale;
  request.sampler = prompt.sampler;
  request.seed = seed;
  request.guidance_scale = prompt.guidance_scale;
  request.flow_shift = prompt.flow_shift;
  request.cfg_trunc_ratio = prompt.cfg_trunc_ratio;
  request.renorm_cfg = prompt.renorm_cfg;
  ASSIGN_OR_RETURN(const Tensor latents,
                   model.recipe->Preview(*model.denoiser, request, device));
  return Decode(latents.to(torch::kFloat32));
}

absl::StatusOr<Tensor> SampleHook::Decode(const Tensor& latents) {
  // With cached latents the autoencoder waits in host memory.
  AutoencoderKl& vae = *training_->model.vae;
  const bool waits = training_->latents != nullptr;
  if (waits) MoveModule(vae, training_->device);
  const Tensor image = vae.Decode(latents)[0].cpu();
  if (waits) training_->host_weights.Release(vae);
  if (!image.isfinite().all().item<bool>()) {
    return absl::OutOfRangeError("the picture has values that are not finite");
  }
  return image;
}

uint64_t SampleHook::SeedOf(size_t index) const {
  if (prompts_[index].seed.has_value()) return *prompts_[index].seed;
  // The same at every drawing, so that pictures of one prompt can be compared.
  return Rng(training_->loop.seed, RngPurpose::kPreview, 0, index).NextUint32();
}

}  // namespace atelier::trainer
