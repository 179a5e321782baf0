#include "tests/support/tiny_models.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"

#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/tensor/rng.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {
namespace {

// A 64-bit mixing function (splitmix64), quick enough for a billion weights.
uint64_t Mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15ull;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
  return value ^ (value >> 31);
}

uint64_t HashName(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  }
  return hash;
}

// Uniform with this standard deviation.
void FillUniform(const Tensor& tensor, uint64_t seed, double deviation) {
  float* values = tensor.data_ptr<float>();
  const double scale = deviation * std::sqrt(3.0) / (1 << 30);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const auto bits = static_cast<int32_t>(Mix(seed + i) >> 32);
    values[i] = static_cast<float>((bits >> 1) * scale);
  }
}

// Norms are near identity, biases small, other weights keep the variance of
// what goes through them.
void Randomize(const std::string& name, const Tensor& tensor, uint64_t seed) {
  const uint64_t stream = Mix(seed ^ HashName(name));
  if (tensor.dim() == 1) {
    FillUniform(tensor, stream, 0.02);
    if (absl::EndsWith(name, "weight")) tensor.add_(1);
    return;
  }
  if (absl::StrContains(name, "embedding")) {
    return FillUniform(tensor, stream, 0.02);
  }
  const auto fan_in = static_cast<double>(tensor[0].numel());
  FillUniform(tensor, stream, 1 / std::sqrt(fan_in));
}

void AddModule(const torch::nn::Module& module, const std::string& prefix,
               const TinyModelOptions& options,
               std::map<std::string, Tensor>& tensors) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    const std::string name = absl::StrCat(prefix, item.key());
    Randomize(name, item.value(), options.seed);
    tensors[name] = item.value().detach().to(options.dtype);
  }
}

LdmUnetConfig UnetConfig(const TinyModelOptions& options) {
  LdmUnetConfig config;
  config.model_channels = options.unet_channels.front();
  config.time_channels = 4 * options.unet_channels.front();
  config.context_channels = options.text_width;
  config.channels = options.unet_channels;
  for (const bool attention : sd1::Family().unet.has_attention) {
    config.depths.push_back(attention ? 1 : 0);
  }
  config.heads = sd1::Family().unet.heads;
  config.head_channels = sd1::Family().unet.head_channels;
  return config;
}

}  // namespace

std::map<std::string, Tensor> TinyStableDiffusion(
    const TinyModelOptions& options) {
  std::map<std::string, Tensor> tensors;
  AddModule(LdmUnet(UnetConfig(options)), kLdmUnetPrefix, options, tensors);
  ClipTextConfig text;
  text.width = options.text_width;
  text.mlp_width = 4 * options.text_width;
  text.layers = options.text_layers;
  AddModule(ClipTextModel(text), sd1::kTextPrefix, options, tensors);
  AutoencoderConfig vae;
  vae.channels = options.vae_channels;
  vae.scaling = sd1::Family().scaling;
  AddModule(AutoencoderKl(vae), kLdmVaePrefix, options, tensors);
  tensors[absl::StrCat(sd1::kTextPrefix,
                       "text_model.embeddings.position_ids")] =
      torch::arange(text.positions, torch::kInt64).unsqueeze(0);
  return tensors;
}

absl::Status WriteTinyStableDiffusion(const std::string& path,
                                      const TinyModelOptions& options) {
  return WriteSafetensors(path, TinyStableDiffusion(options)).status();
}

absl::Status WriteTinyImages(const std::string& folder, int count) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (int i = 0; i < count; ++i) {
    const int width = 64 + 16 * (i % 5);
    const int height = 64 + 16 * (i * 3 % 5);
    cv::Mat image(height, width, CV_8UC3);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        image.at<cv::Vec3b>(y, x) =
            cv::Vec3b(static_cast<uint8_t>(x * 2 + i * 31),
                      static_cast<uint8_t>(y * 2 + i * 57),
                      static_cast<uint8_t>((x + y) ^ (i * 11)));
      }
    }
    const std::string name = absl::StrCat(folder, "/", i < 10 ? "0" : "", i);
    if (!cv::imwrite(name + ".png", image)) {
      return absl::UnavailableError(
          absl::StrCat("cannot write ", name, ".png"));
    }
    std::ofstream(name + ".caption") << "a picture of color " << i << "\n";
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer::testing
