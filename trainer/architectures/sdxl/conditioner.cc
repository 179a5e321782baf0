#include "trainer/architectures/sdxl/conditioner.h"

#include <utility>

#include "trainer/architectures/sdxl/config.h"
#include "trainer/tensor/device.h"

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
      encoders_(std::move(encoders)),
      is_weighted_(options.weighted_captions) {
  prompt_.max_token_length = options.max_token_length;
  prompt_.no_padding = options.no_token_padding;
}

std::vector<TextEncoder> SdxlConditioner::TextEncoders() const {
  return {{"text_encoder1", encoders_.clip_l},
          {"text_encoder2", encoders_.clip_g}};
}

// Weights are undefined where none are read.
WeightedClipPrompt SdxlConditioner::RowsOf(absl::Span<const std::string> texts,
                                           Form form, int64_t pad) const {
  if (form == Form::kPreview) {
    return WeightedPreviewPromptIds(tokenizer(), texts, pad);
  }
  ClipPromptOptions prompt = prompt_;
  prompt.pad = pad;
  if (is_weighted_) return WeightedClipPromptIds(tokenizer(), texts, prompt);
  return {ClipPromptIds(tokenizer(), texts, prompt), Tensor()};
}

Tensor SdxlConditioner::Sequence(const Tensor& states,
                                 const WeightedClipPrompt& rows,
                                 Form form) const {
  if (form == Form::kPreview) return WeighPreviewStates(states, rows.weights);
  const Tensor joined = JoinClipRows(states, rows.ids.size(1));
  return rows.weights.defined() ? WeighJoinedStates(joined, rows.weights)
                                : joined;
}

void SdxlConditioner::EncodeClipL(absl::Span<const std::string> texts,
                                  Form form, EncodedText& text) {
  ClipTextEncoder& encoder = *encoders_.clip_l;
  const torch::Device device = encoder.parameters().front().device();
  const WeightedClipPrompt rows = RowsOf(texts, form, tokenizer().end());
  const Tensor ids = SendTo(rows.ids.flatten(0, 1), device);
  text[kClipLHidden] =
      Sequence(encoder.HiddenStates(ids, kPenultimate).back(), rows, form);
}

void SdxlConditioner::EncodeClipG(absl::Span<const std::string> texts,
                                  Form form, EncodedText& text) {
  ClipTextEncoder& encoder = *encoders_.clip_g;
  const torch::Device device = encoder.parameters().front().device();
  const WeightedClipPrompt rows = RowsOf(texts, form, kClipGPad);
  const Tensor ids = SendTo(rows.ids, device);  // [B, rows, L]
  const std::vector<Tensor> states = encoder.HiddenStates(ids.flatten(0, 1));
  text[kClipGHidden] =
      Sequence(states[states.size() - kPenultimate], rows, form);
  const Tensor first_rows =
      states.back().unflatten(0, {-1, ids.size(1)}).select(1, 0);  // [B, L, C2]
  text[kClipGPooled] = encoder.Project(ClipTextModel::PoolAtEnd(
      ids.select(1, 0), encoder.FinalNorm(first_rows), tokenizer().end()));
}

EncodedText SdxlConditioner::EncodeAs(absl::Span<const std::string> texts,
                                      Form form, EncoderChoice choice) {
  EncodedText text(kTextPlaces);
  if (IsChosen(*encoders_.clip_l, choice)) EncodeClipL(texts, form, text);
  if (IsChosen(*encoders_.clip_g, choice)) EncodeClipG(texts, form, text);
  return text;
}

EncodedText SdxlConditioner::Encode(absl::Span<const std::string> captions,
                                    EncoderChoice choice) {
  return EncodeAs(captions, Form::kCaptions, choice);
}

EncodedPrompt SdxlConditioner::EncodePrompt(const std::string& prompt,
                                            const std::string& negative,
                                            EncoderChoice choice) {
  const EncodedText both = EncodeAs({prompt, negative}, Form::kPreview, choice);
  EncodedPrompt result;
  for (const Tensor& place : both) {
    const bool has = place.defined();
    result.positive.push_back(has ? place.narrow(0, 0, 1) : place);
    result.negative.push_back(has ? place.narrow(0, 1, 1) : place);
  }
  return result;
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
  conditioning.size_ids =
      SendTo(SizeIds(geometry), conditioning.pooled.device());
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
