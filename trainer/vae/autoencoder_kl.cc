#include "trainer/vae/autoencoder_kl.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer {

AutoencoderConfig ReadAutoencoderConfig(const TensorIndex& index,
                                        const std::string& prefix,
                                        LatentScaling scaling) {
  AutoencoderConfig config;
  config.scaling = scaling;
  const std::string encoder = prefix + "encoder.";
  config.image_channels = SizeAt(index, encoder + "conv_in.weight", 1, 3);
  config.latent_channels =
      SizeAt(index, prefix + "decoder.conv_in.weight", 1, 4);
  int64_t levels =
      CountNumbered(index, encoder + "down.", ".block.0.conv1.weight");
  if (levels == 0) levels = 4;
  int64_t channels = SizeAt(index, encoder + "conv_in.weight", 0, 128);
  for (int64_t level = 0; level < levels; ++level) {
    channels = SizeAt(
        index,
        encoder + "down." + std::to_string(level) + ".block.0.conv1.weight", 0,
        channels);
    config.channels.push_back(channels);
  }
  const auto blocks = [&](const std::string& begin, int64_t usual) {
    const int64_t count =
        CountNumbered(index, prefix + begin + ".0.block.", ".conv1.weight");
    return count == 0 ? usual : count;
  };
  config.encoder_blocks = blocks("encoder.down", 2);
  config.decoder_blocks = blocks("decoder.up", 3);
  config.has_quant_conv = HasPrefix(index, prefix + "quant_conv.") ||
                          HasPrefix(index, prefix + "post_quant_conv.");
  return config;
}

AutoencoderKl::AutoencoderKl(const AutoencoderConfig& config)
    : config_(config) {
  encoder = register_module("encoder", AutoencoderEncoder(config));
  decoder = register_module("decoder", AutoencoderDecoder(config));
  if (!config.has_quant_conv) return;
  const int64_t z = config.latent_channels;
  quant_conv = register_module("quant_conv", PointwiseConv2d(2 * z, 2 * z));
  post_quant_conv = register_module("post_quant_conv", PointwiseConv2d(z, z));
}

Tensor AutoencoderKl::Moments(const Tensor& images) {
  const int64_t cell = int64_t{1} << (config_.channels.size() - 1);
  TORCH_CHECK(images.dim() == 4 && images.size(2) % cell == 0 &&
                  images.size(3) % cell == 0,
              "images of shape ", images.sizes(),
              " cannot be encoded; height and width must be multiples of ",
              cell);
  Tensor h = encoder(images.to(encoder->conv_in->weight.dtype()));
  if (quant_conv) h = quant_conv(h);
  const auto parts = h.to(torch::kFloat32).chunk(2, 1);
  return torch::cat({parts[0], parts[1].clamp(-30, 20)}, 1);
}

Tensor AutoencoderKl::SamplePosterior(const Tensor& moments,
                                      const Tensor& noise) {
  const auto parts = moments.chunk(2, 1);  // mean, logvar
  return parts[0] + (0.5 * parts[1]).exp() * noise;
}

Tensor AutoencoderKl::PosteriorMode(const Tensor& moments) {
  return moments.chunk(2, 1)[0];
}

Tensor AutoencoderKl::Scale(const Tensor& latents) const {
  return (latents - config_.scaling.shift) * config_.scaling.scale;
}

Tensor AutoencoderKl::Unscale(const Tensor& latents) const {
  return latents / config_.scaling.scale + config_.scaling.shift;
}

Tensor AutoencoderKl::Decode(const Tensor& latents) {
  Tensor h = Unscale(latents).to(decoder->conv_in->weight.dtype());
  if (post_quant_conv) h = post_quant_conv(h);
  return decoder(h).to(torch::kFloat32);
}

}  // namespace atelier::trainer
