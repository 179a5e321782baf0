#include "trainer/architectures/sd3/conditioner.h"

#include <utility>

#include "trainer/tensor/device.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr int64_t kClipGPad = 0;
// Rows of zeros that stand for T5 in a model without it.
constexpr int64_t kRowsWithoutT5 = 77;

// Streams of RngPurpose::kTextDropout.
enum DropoutStream : uint32_t { kDropClipL, kDropClipG, kDropT5 };

// Zeros in the rows of dropped captions. `dropped` [B], or undefined: none is.
Tensor WithoutDropped(const Tensor& states, const Tensor& dropped) {
  if (!dropped.defined()) return states;
  std::vector<int64_t> shape(static_cast<size_t>(states.dim()), 1);
  shape[0] = states.size(0);
  return states.masked_fill(SendTo(dropped, states.device()).view(shape), 0);
}

Tensor DrawDropped(double rate, int64_t batch, const BatchRng* rng,
                   DropoutStream stream) {
  if (rate <= 0 || rng == nullptr) return {};
  return rng->Uniform(RngPurpose::kTextDropout, {batch}, stream) < rate;
}

torch::Device DeviceOf(const torch::nn::Module& module) {
  return module.parameters().front().device();
}

template <typename Encoder>
bool IsRun(const HeldEncoder<Encoder>& held, EncoderChoice choice) {
  return held.encoder != nullptr && IsChosen(*held.encoder, choice);
}

template <typename Encoder>
void ReleaseIfFrozen(HeldEncoder<Encoder>& held) {
  if (!held.is_embedded && IsRun(held, EncoderChoice::kFrozen)) {
    held.encoder = nullptr;
  }
}

}  // namespace

Sd3Conditioner::Sd3Conditioner(TextEncoderSet encoders, Tokenizers tokenizers,
                               const ModelOptions& options,
                               int64_t context_width)
    : encoders_(std::move(encoders)),
      tokenizers_(std::move(tokenizers)),
      options_(options),
      context_width_(context_width) {}

std::vector<TextEncoder> Sd3Conditioner::TextEncoders() const {
  const std::pair<const char*, std::shared_ptr<torch::nn::Module>> all[] = {
      {"text_encoder1", encoders_.clip_l.encoder},
      {"text_encoder2", encoders_.clip_g.encoder},
      {"text_encoder3", encoders_.t5.encoder}};
  std::vector<TextEncoder> result;
  for (const auto& [name, module] : all) {
    if (module != nullptr) result.push_back({name, module});
  }
  return result;
}

void Sd3Conditioner::EncodeClip(ClipTextEncoder& encoder, const Tensor& ids,
                                TextPlace hidden_place,
                                EncodedText& text) const {
  const int64_t end = tokenizers_.clip->end();
  const Tensor rows = SendTo(ids.flatten(0, 1), DeviceOf(encoder));  // [B, 77]
  const Tensor mask = options_.apply_lg_attn_mask
                          ? ClipTextModel::MaskToEnd(rows, end)
                          : Tensor();
  const std::vector<Tensor> states = encoder.HiddenStates(rows, 1, mask);
  const Tensor last = encoder.FinalNorm(states.back());
  text[hidden_place] = states[states.size() - 2];
  text[hidden_place + 1] =
      encoder.Project(ClipTextModel::PoolAtEnd(rows, last, end));
}

int64_t Sd3Conditioner::LengthOfT5() const {
  return options_.t5xxl_max_token_length > 0 ? options_.t5xxl_max_token_length
                                             : kTokensOfT5;
}

Tensor Sd3Conditioner::EncodeT5(absl::Span<const std::string> captions) const {
  const SentencePieceRows tokens =
      EncodeRows(*tokenizers_.t5, captions, T5Frame(LengthOfT5()));
  const torch::Device device = DeviceOf(*encoders_.t5.encoder);
  return encoders_.t5.encoder->forward(
      SendTo(tokens.ids, device),
      options_.apply_t5_attn_mask ? SendTo(tokens.mask, device) : Tensor());
}

EncodedText Sd3Conditioner::Encode(absl::Span<const std::string> captions,
                                   EncoderChoice choice) {
  EncodedText text(kTextPlaces);
  ClipPromptOptions prompt;
  if (IsRun(encoders_.clip_l, choice)) {
    prompt.pad = tokenizers_.clip->end();
    EncodeClip(*encoders_.clip_l.encoder,
               ClipPromptIds(*tokenizers_.clip, captions, prompt), kClipLHidden,
               text);
  }
  if (IsRun(encoders_.clip_g, choice)) {
    prompt.pad = kClipGPad;
    EncodeClip(*encoders_.clip_g.encoder,
               ClipPromptIds(*tokenizers_.clip, captions, prompt), kClipGHidden,
               text);
  }
  if (IsRun(encoders_.t5, choice)) text[kT5Hidden] = EncodeT5(captions);
  return text;
}

Conditioning Sd3Conditioner::Condition(
    const EncodedText& text, absl::Span<const ImageGeometry> /*geometry*/,
    const BatchRng* rng) {
  const bool has_t5 = tokenizers_.t5 != nullptr;
  for (int place = 0; place < kTextPlaces; ++place) {
    TORCH_CHECK(text[place].defined() || (place == kT5Hidden && !has_t5),
                "the text encoder of place ", place, " has not run");
  }
  const int64_t batch = text[kClipLHidden].size(0);
  const Tensor no_l =
      DrawDropped(options_.clip_l_dropout_rate, batch, rng, kDropClipL);
  const Tensor no_g =
      DrawDropped(options_.clip_g_dropout_rate, batch, rng, kDropClipG);
  const Tensor no_t5 =
      DrawDropped(options_.t5_dropout_rate, batch, rng, kDropT5);
  const Tensor clip = torch::cat({WithoutDropped(text[kClipLHidden], no_l),
                                  WithoutDropped(text[kClipGHidden], no_g)},
                                 2);  // [B, 77, 2048]
  const Tensor t5 =
      has_t5 ? WithoutDropped(text[kT5Hidden], no_t5)
             : clip.new_zeros({batch, kRowsWithoutT5, context_width_});
  Conditioning conditioning;
  conditioning.context = torch::cat(
      {torch::constant_pad_nd(clip, {0, context_width_ - clip.size(2)}), t5},
      1);
  conditioning.pooled = torch::cat({WithoutDropped(text[kClipLPooled], no_l),
                                    WithoutDropped(text[kClipGPooled], no_g)},
                                   1);
  if (rng != nullptr && options_.pos_emb_random_crop_rate > 0) {
    conditioning.position_crop = DrawCrops(batch, *rng);
  }
  return conditioning;
}

// A crop of its own for each sample, at random or in the middle. The reference
// draws once a batch, which is the same for batches of one.
Tensor Sd3Conditioner::DrawCrops(int64_t batch, const BatchRng& rng) const {
  const Tensor draws = rng.Uniform(RngPurpose::kPositionCrop, {batch, 3});
  const Tensor is_centred =
      draws.slice(1, 0, 1) >= options_.pos_emb_random_crop_rate;
  return draws.slice(1, 1).masked_fill(is_centred, -1);
}

void Sd3Conditioner::SetGradientCheckpointing(bool enabled) {
  if (encoders_.clip_l.encoder != nullptr) {
    encoders_.clip_l.encoder->SetGradientCheckpointing(enabled);
  }
  if (encoders_.clip_g.encoder != nullptr) {
    encoders_.clip_g.encoder->SetGradientCheckpointing(enabled);
  }
  if (encoders_.t5.encoder != nullptr) {
    encoders_.t5.encoder->SetGradientCheckpointing(enabled);
  }
}

void Sd3Conditioner::ReleaseFrozen() {
  ReleaseIfFrozen(encoders_.clip_l);
  ReleaseIfFrozen(encoders_.clip_g);
  ReleaseIfFrozen(encoders_.t5);
}

}  // namespace atelier::trainer::sd3
