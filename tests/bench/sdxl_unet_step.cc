// A forward and a backward pass of the full-size U-Net of Stable Diffusion XL
// (2.6 billion random weights) in bf16 on the CPU: that the network fits and
// works at its real size, how long it takes and how much memory.
//
//   sdxl_unet_step [--side PIXELS]
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "trainer/architectures/ldm_unet/unet.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kLatentScale = 8;
constexpr int64_t kTokens = 77;
constexpr int64_t kPooledWidth = 1280;

// As published in sd_xl_base.yaml.
LdmUnetConfig PublishedConfig() {
  LdmUnetConfig config;
  config.channels = {320, 640, 1280};
  config.depths = {0, 2, 10};
  config.middle_depth = 10;
  config.context_channels = 2048;
  config.label_channels = kPooledWidth + 6 * 256;
  config.linear_projection = true;
  config.head_channels = 64;
  return config;
}

// Each weight as its type is made, so that fp32 is never held as a whole.
void Randomize(torch::nn::Module& module) {
  torch::manual_seed(1);
  for (auto& item : module.named_parameters()) {
    const Tensor& weight = item.value();
    const bool is_scale = weight.dim() == 1 && item.key().ends_with("weight");
    const double deviation =
        weight.dim() == 1
            ? 0.02
            : 0.5 / std::sqrt(static_cast<double>(weight[0].numel()));
    const Tensor values =
        torch::empty(weight.sizes(), torch::kBFloat16).normal_(0, deviation);
    item.value().set_data(is_scale ? values + 1 : values);
    item.value().set_requires_grad(true);
  }
}

double PeakGib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

class Stage {
 public:
  explicit Stage(const char* name) : name_(name) {}
  ~Stage() {
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin_;
    std::cout << name_ << "  " << seconds.count() << " s, peak memory "
              << PeakGib() << " GiB" << std::endl;
  }

 private:
  const char* name_;
  std::chrono::steady_clock::time_point begin_ =
      std::chrono::steady_clock::now();
};

int Run(int64_t side) {
  std::unique_ptr<LdmUnet> unet;
  {
    const Stage stage("making the network");
    unet = std::make_unique<LdmUnet>(PublishedConfig());
    Randomize(*unet);
  }
  unet->SetGradientCheckpointing(true);
  Conditioning conditioning;
  conditioning.context = torch::randn({1, kTokens, 2048});
  conditioning.pooled = torch::randn({1, kPooledWidth});
  const auto pixels = static_cast<float>(side);
  conditioning.size_ids =
      torch::tensor({{pixels, pixels, 0.0f, 0.0f, pixels, pixels}});
  const Tensor latents =
      torch::randn({1, 4, side / kLatentScale, side / kLatentScale});
  Tensor loss;
  {
    const Stage stage("forward");
    loss = unet->forward(latents, torch::tensor({500}), conditioning)
               .square()
               .mean();
  }
  {
    const Stage stage("backward");
    loss.backward();
  }
  int64_t weights = 0;
  int64_t without_gradient = 0;
  for (const Tensor& parameter : unet->parameters()) {
    weights += parameter.numel();
    if (!parameter.grad().defined() ||
        !parameter.grad().isfinite().all().item<bool>()) {
      ++without_gradient;
    }
  }
  std::cout << weights << " weights, loss " << loss.item<float>() << ", "
            << without_gradient << " parameters without a finite gradient"
            << std::endl;
  const bool is_good =
      std::isfinite(loss.item<float>()) && without_gradient == 0;
  return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace atelier::trainer

int main(int argc, char** argv) {
  const bool has_side = argc == 3 && std::string(argv[1]) == "--side";
  if (argc != 1 && !has_side) {
    std::cerr << "usage: " << argv[0] << " [--side PIXELS]\n";
    return EXIT_FAILURE;
  }
  return atelier::trainer::Run(has_side ? std::stoll(argv[2]) : 256);
}
