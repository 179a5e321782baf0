#include "trainer/architectures/sdxl/conditioner.h"

#include <utility>

#include "trainer/architectures/sdxl/config.h"

namespace atelier::trainer::sdxl {
namespace {

constexpr int64_t kPenultimate = 2;  // counted from the end

Tensor SizeIds(absl::Span<const ImageGeometry> geometry) {
  std::vector<float> ids;
  for (const ImageGeometry& image : geometry) {
    for (const int value :
         {image.original_height, image.original_width, image.crop_top,
          image.crop_left, image.target_height, image.target_width}) {
      ids.push_back(static_cast<float>(value));
    }
  }
  return torch::tensor(ids).view({-1, 6});
}

}  // namespace

SdxlConditioner::SdxlConditioner(std::unique_ptr<ClipTokenizer> tokenizer,
                                 ClipTokenizerFiles files, ClipPair encoders,
                                 const ModelOptions& options)
    : LdmConditioner(std::move(tokenizer), std::move(files)),
      encoders_(std::move(encoders)) {
  prompt_.max_token_length = options.max_token_length;
  prompt_.no_padding = options.no_token_padding;
}

std::vector<TextEncoder> SdxlConditioner::TextEncoders() const {
  return {{"text_encoder1", encoders_.clip_l},
          {"text_encoder2", encoders_.clip_g}};
}

// Ids [B, rows, L] on the device of the encoder.
Tensor SdxlConditioner::RowsOf(absl::Span<const std::string> captions,
                               int64_t pad,
                               const ClipTextEncoder& encoder) const {
  ClipPromptOptions prompt = prompt_;
  prompt.pad = pad;
  return ClipPromptIds(tokenizer(), captions, prompt)
      .to(encoder.parameters().front().device());
}

void SdxlConditioner::EncodeClipL(absl::Span<const std::string> captions,
                                  EncodedText& text) {
  const Tensor ids = RowsOf(captions, tokenizer().end(), *encoders_.clip_l);
  text[kClipLHidden] = JoinClipRows(
      encoders_.clip_l->HiddenStates(ids.flatten(0, 1), kPenultimate).back(),
      ids.size(1));
}

void SdxlConditioner::EncodeClipG(absl::Span<const std::string> captions,
                                  EncodedText& text) {
  ClipTextEncoder& encoder = *encoders_.clip_g;
  const Tensor ids = RowsOf(captions, kClipGPad, encoder);
  const int64_t rows = ids.size(1);
  const std::vector<Tensor> states = encoder.HiddenStates(ids.flatten(0, 1));
  text[kClipGHidden] = JoinClipRows(states[states.size() - kPenultimate], rows);
  const Tensor first_rows =
      states.back().unflatten(0, {-1, rows}).select(1, 0);  // [B, L, C2]
  text[kClipGPooled] = encoder.Project(ClipTextModel::PoolAtEnd(
      ids.select(1, 0), encoder.FinalNorm(first_rows), tokenizer().end()));
}

EncodedText SdxlConditioner::Encode(absl::Span<const std::string> captions,
                                    EncoderChoice choice) {
  EncodedText text(kTextPlaces);
  if (IsChosen(*encoders_.clip_l, choice)) EncodeClipL(captions, text);
  if (IsChosen(*encoders_.clip_g, choice)) EncodeClipG(captions, text);
  return text;
}

Conditioning SdxlConditioner::Condition(
    const EncodedText& text, absl::Span<const ImageGeometry> geometry,
    const BatchRng* /*rng*/) {
  for (int place = 0; place < kTextPlaces; ++place) {
    TORCH_CHECK(text[place].defined(), "the text encoder of place ", place,
                " has not run");
  }
  Conditioning conditioning;
  conditioning.context =
      torch::cat({text[kClipLHidden], text[kClipGHidden]}, 2);
  conditioning.pooled = text[kClipGPooled];
  conditioning.size_ids = SizeIds(geometry).to(conditioning.pooled.device());
  TORCH_CHECK(conditioning.size_ids.size(0) == conditioning.pooled.size(0),
              geometry.size(), " sizes for ", conditioning.pooled.size(0),
              " captions");
  return conditioning;
}

void SdxlConditioner::SetGradientCheckpointing(bool enabled) {
  encoders_.clip_l->SetGradientCheckpointing(enabled);
  encoders_.clip_g->SetGradientCheckpointing(enabled);
}

}  // namespace atelier::trainer::sdxl
