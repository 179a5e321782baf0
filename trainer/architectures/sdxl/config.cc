#include "trainer/architectures/sdxl/config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sdxl {
namespace {

LdmTextPlace ClipLPlace() {
  LdmTextPlace place;
  place.what = "the CLIP-L text encoder";
  place.prefix = kClipLPrefix;
  place.folder = "text_encoder";
  place.tokenizer = "tokenizer";
  place.pad_token = "<|endoftext|>";
  return place;
}

LdmTextPlace ClipGPlace() {
  LdmTextPlace place;
  place.what = "the CLIP-G text encoder";
  place.prefix = kClipGPrefix;
  place.folder = "text_encoder_2";
  place.tokenizer = "tokenizer_2";
  place.pad_token = "!";
  place.is_open_clip = true;
  place.quick_gelu = false;
  place.has_projection = true;
  return place;
}

// Where a list of blocks begins among the values of block_lr.
struct BlockRange {
  absl::string_view list;
  int first;
  int count;
};

constexpr BlockRange kBlockRanges[] = {
    {"input_blocks", 1, 9}, {"middle_block", 10, 3}, {"output_blocks", 13, 9}};

}  // namespace

const LdmFamily& Family() {
  static const auto* const kFamily = [] {
    auto* family = new LdmFamily();
    family->name = "Stable Diffusion XL";
    family->detect = Detect;
    family->unet.has_attention = {false, true, true};
    family->unet.head_channels = 64;
    family->scaling = {0.13025, 0};  // as published in sd_xl_base.yaml
    family->text = {ClipLPlace(), ClipGPlace()};
    family->pipeline = "StableDiffusionXLPipeline";
    family->scheduler = "EulerDiscreteScheduler";
    family->sample_size = 128;
    return family;
  }();
  return *kFamily;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  if (IsDiffusersFolder(index)) {
    if (!HasPrefix(index, "unet/add_embedding.") ||
        !HasPrefix(index, "text_encoder/") ||
        !HasPrefix(index, "text_encoder_2/")) {
      return {};
    }
    return "Stable Diffusion XL, Diffusers folder";
  }
  const std::string unet = kLdmUnetPrefix;
  if (!HasPrefix(index, unet + "label_emb.") ||
      !HasPrefix(index, "conditioner.embedders.1.") ||
      HasPrefix(index, "control_model.")) {
    return {};
  }
  return "Stable Diffusion XL";
}

bool IsRefiner(const TensorIndex& index) {
  if (IsDiffusersFolder(index)) {
    return HasPrefix(index, "unet/add_embedding.") &&
           HasPrefix(index, "text_encoder_2/") &&
           !HasPrefix(index, "text_encoder/");
  }
  return HasPrefix(index, "conditioner.embedders.0.model.");
}

std::optional<int> BlockOf(std::string_view parameter) {
  const std::vector<absl::string_view> parts = absl::StrSplit(
      absl::string_view(parameter.data(), parameter.size()), '.');
  if (parts[0] == "time_embed" || parts[0] == "label_emb") return 0;
  if (parts[0] == "out") return kBlocks - 1;
  for (const BlockRange& range : kBlockRanges) {
    int number = 0;
    if (parts[0] != range.list || parts.size() < 2 ||
        !absl::SimpleAtoi(parts[1], &number)) {
      continue;
    }
    if (number < range.count) return range.first + number;
  }
  return {};
}

}  // namespace atelier::trainer::sdxl
