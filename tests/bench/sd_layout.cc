#include "tests/bench/sd_layout.h"

#include <utility>

namespace atelier::bench {
namespace {

constexpr int64_t kVocabulary = 49408;
constexpr int64_t kPositions = 77;
constexpr int64_t kLatentChannels = 4;
constexpr int kLevels = 4;
// Levels with spatial attention: the three of highest resolution.
constexpr int kAttentionLevels = 3;

class LayoutWriter {
 public:
  explicit LayoutWriter(const SdLayoutOptions& options) : options_(options) {}

  std::vector<NamedShape> Write() {
    WriteUnet();
    WriteVae();
    WriteText();
    return std::move(shapes_);
  }

 private:
  void Add(const std::string& name, std::vector<int64_t> shape) {
    shapes_.push_back({prefix_ + name, std::move(shape)});
  }
  void Norm(const std::string& name, int64_t width) {
    Add(name + ".weight", {width});
    Add(name + ".bias", {width});
  }
  void Linear(const std::string& name, int64_t in, int64_t out) {
    Add(name + ".weight", {out, in});
    Add(name + ".bias", {out});
  }
  void Conv(const std::string& name, int64_t in, int64_t out, int64_t side) {
    Add(name + ".weight", {out, in, side, side});
    Add(name + ".bias", {out});
  }

  // --- U-Net

  void UnetResBlock(const std::string& name, int64_t in, int64_t out) {
    Norm(name + ".in_layers.0", in);
    Conv(name + ".in_layers.2", in, out, 3);
    Linear(name + ".emb_layers.1", 4 * options_.unet_channels[0], out);
    Norm(name + ".out_layers.0", out);
    Conv(name + ".out_layers.3", out, out, 3);
    if (in != out) Conv(name + ".skip_connection", in, out, 1);
  }

  void Attention(const std::string& name, int64_t width, int64_t context) {
    Add(name + ".to_q.weight", {width, width});
    Add(name + ".to_k.weight", {width, context});
    Add(name + ".to_v.weight", {width, context});
    Linear(name + ".to_out.0", width, width);
  }

  void SpatialTransformer(const std::string& name, int64_t width) {
    Norm(name + ".norm", width);
    Conv(name + ".proj_in", width, width, 1);
    const std::string block = name + ".transformer_blocks.0";
    Norm(block + ".norm1", width);
    Attention(block + ".attn1", width, width);
    Norm(block + ".norm2", width);
    Attention(block + ".attn2", width, options_.text_width);
    Norm(block + ".norm3", width);
    Linear(block + ".ff.net.0.proj", width, 8 * width);
    Linear(block + ".ff.net.2", 4 * width, width);
    Conv(name + ".proj_out", width, width, 1);
  }

  static std::string Block(const char* side, int number, int place) {
    return side + std::to_string(number) + "." + std::to_string(place);
  }

  void WriteUnet() {
    prefix_ = "model.diffusion_model.";
    const auto& channels = options_.unet_channels;
    const int64_t time = 4 * channels[0];
    Linear("time_embed.0", channels[0], time);
    Linear("time_embed.2", time, time);
    std::vector<int64_t> skips;
    int64_t width = WriteUnetDown(skips);
    UnetResBlock("middle_block.0", width, width);
    SpatialTransformer("middle_block.1", width);
    UnetResBlock("middle_block.2", width, width);
    int number = 0;
    for (int level = kLevels - 1; level >= 0; --level) {
      for (int j = 0; j < 3; ++j, ++number) {
        UnetResBlock(Block("output_blocks.", number, 0), width + skips.back(),
                     channels[level]);
        skips.pop_back();
        width = channels[level];
        const bool attends = level < kAttentionLevels;
        if (attends) {
          SpatialTransformer(Block("output_blocks.", number, 1), width);
        }
        if (j == 2 && level > 0) {
          Conv(Block("output_blocks.", number, attends ? 2 : 1) + ".conv",
               width, width, 3);
        }
      }
    }
    Norm("out.0", width);
    Conv("out.2", width, kLatentChannels, 3);
  }

  // Returns the width at the bottom; `skips` are the widths that the way up
  // takes over.
  int64_t WriteUnetDown(std::vector<int64_t>& skips) {
    const auto& channels = options_.unet_channels;
    int64_t width = channels[0];
    Conv(Block("input_blocks.", 0, 0), kLatentChannels, width, 3);
    skips.push_back(width);
    int number = 1;
    for (int level = 0; level < kLevels; ++level) {
      for (int j = 0; j < 2; ++j, ++number) {
        UnetResBlock(Block("input_blocks.", number, 0), width, channels[level]);
        width = channels[level];
        if (level < kAttentionLevels) {
          SpatialTransformer(Block("input_blocks.", number, 1), width);
        }
        skips.push_back(width);
      }
      if (level == kLevels - 1) break;
      Conv(Block("input_blocks.", number, 0) + ".op", width, width, 3);
      skips.push_back(width);
      ++number;
    }
    return width;
  }

  // --- Autoencoder

  void VaeResBlock(const std::string& name, int64_t in, int64_t out) {
    Norm(name + ".norm1", in);
    Conv(name + ".conv1", in, out, 3);
    Norm(name + ".norm2", out);
    Conv(name + ".conv2", out, out, 3);
    if (in != out) Conv(name + ".nin_shortcut", in, out, 1);
  }

  void VaeMiddle(const std::string& name, int64_t width) {
    VaeResBlock(name + ".block_1", width, width);
    Norm(name + ".attn_1.norm", width);
    for (const char* part : {"q", "k", "v", "proj_out"}) {
      Conv(name + ".attn_1." + part, width, width, 1);
    }
    VaeResBlock(name + ".block_2", width, width);
  }

  // The levels of one half; `blocks` residual blocks each.
  int64_t VaeLevel(const std::string& name, int level, int64_t width,
                   int blocks) {
    for (int j = 0; j < blocks; ++j) {
      VaeResBlock(name + ".block." + std::to_string(j), width,
                  options_.vae_channels[level]);
      width = options_.vae_channels[level];
    }
    return width;
  }

  void WriteVae() {
    prefix_ = "first_stage_model.";
    const auto& channels = options_.vae_channels;
    int64_t width = channels[0];
    Conv("encoder.conv_in", 3, width, 3);
    for (int level = 0; level < kLevels; ++level) {
      const std::string name = "encoder.down." + std::to_string(level);
      width = VaeLevel(name, level, width, 2);
      if (level < kLevels - 1) Conv(name + ".downsample.conv", width, width, 3);
    }
    VaeMiddle("encoder.mid", width);
    Norm("encoder.norm_out", width);
    Conv("encoder.conv_out", width, 2 * kLatentChannels, 3);
    Conv("quant_conv", 2 * kLatentChannels, 2 * kLatentChannels, 1);
    Conv("post_quant_conv", kLatentChannels, kLatentChannels, 1);
    Conv("decoder.conv_in", kLatentChannels, width, 3);
    VaeMiddle("decoder.mid", width);
    for (int level = kLevels - 1; level >= 0; --level) {
      const std::string name = "decoder.up." + std::to_string(level);
      width = VaeLevel(name, level, width, 3);
      if (level > 0) Conv(name + ".upsample.conv", width, width, 3);
    }
    Norm("decoder.norm_out", width);
    Conv("decoder.conv_out", width, 3, 3);
  }

  // --- Text encoder

  void WriteText() {
    prefix_ = "cond_stage_model.transformer.text_model.";
    const int64_t width = options_.text_width;
    Add("embeddings.token_embedding.weight", {kVocabulary, width});
    Add("embeddings.position_embedding.weight", {kPositions, width});
    Add("embeddings.position_ids", {1, kPositions});
    for (int64_t i = 0; i < options_.text_layers; ++i) {
      const std::string layer = "encoder.layers." + std::to_string(i);
      Norm(layer + ".layer_norm1", width);
      for (const char* part : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
        Linear(layer + ".self_attn." + part, width, width);
      }
      Norm(layer + ".layer_norm2", width);
      Linear(layer + ".mlp.fc1", width, 4 * width);
      Linear(layer + ".mlp.fc2", 4 * width, width);
    }
    Norm("final_layer_norm", width);
  }

  const SdLayoutOptions& options_;
  std::string prefix_;
  std::vector<NamedShape> shapes_;
};

}  // namespace

std::vector<NamedShape> SdLayout(const SdLayoutOptions& options) {
  return LayoutWriter(options).Write();
}

}  // namespace atelier::bench
