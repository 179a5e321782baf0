// What every registered architecture must do.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"

namespace atelier::trainer::testing {
namespace {

class ArchitectureConformance
    : public ::testing::TestWithParam<const Architecture*> {
 protected:
  ArchitectureConformance()
      : source_(TinyArchitectureOf(*GetParam()).tensors) {}

  Model LoadTiny(const CheckpointSource& source) {
    Model model = GetParam()->load(source, nullptr, TinyOptions()).value();
    for (Tensor& parameter : model.denoiser->parameters()) {
      parameter.requires_grad_(true);
    }
    for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
      for (Tensor& parameter : encoder.module->parameters()) {
        parameter.requires_grad_(true);
      }
    }
    return model;
  }

  // The loss of a fixed batch of two images.
  static Tensor LossOf(Model& model) {
    const std::vector<std::string> captions = {"a cat", "two dogs, running"};
    const std::vector<ImageGeometry> geometry(2);
    const int64_t channels = model.vae->config().latent_channels;
    const BatchRng rng{7, 0, 0};
    const Tensor latents =
        rng.Normal(RngPurpose::kLatentSample, {2, channels, 6, 10});
    const Tensor noise = rng.Normal(RngPurpose::kNoise, latents.sizes());
    const Tensor timesteps = model.recipe->SampleTimesteps(2, rng);
    const Tensor output = model.denoiser->forward(
        model.recipe->AddNoise(latents, noise, timesteps), timesteps,
        model.conditioner->Encode(captions, geometry));
    return model.recipe->Loss(output,
                              model.recipe->Target(latents, noise, timesteps),
                              timesteps, torch::ones({2}), {});
  }

  static std::map<std::string, Tensor> Gradients(const Model& model) {
    std::map<std::string, Tensor> gradients;
    for (const auto& parameter : model.denoiser->named_parameters()) {
      gradients[parameter.key()] = parameter.value().grad();
    }
    for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
      for (const auto& parameter : encoder.module->named_parameters()) {
        gradients[encoder.name + "." + parameter.key()] =
            parameter.value().grad();
      }
    }
    return gradients;
  }

  MemorySource source_;
};

TEST_P(ArchitectureConformance, DetectsItsOwnCheckpoint) {
  EXPECT_TRUE(GetParam()->detect(source_.index()).has_value());
}

TEST_P(ArchitectureConformance, GivesEveryParameterAGradient) {
  Model model = LoadTiny(source_);
  LossOf(model).backward();
  for (const auto& [name, gradient] : Gradients(model)) {
    EXPECT_TRUE(gradient.defined()) << name;
  }
}

TEST_P(ArchitectureConformance, CheckpointingChangesNoBitOfAGradient) {
  Model kept = LoadTiny(source_);
  const Tensor kept_loss = LossOf(kept);
  kept_loss.backward();
  Model recomputed = LoadTiny(source_);
  recomputed.denoiser->SetGradientCheckpointing(true);
  recomputed.conditioner->SetGradientCheckpointing(true);
  const Tensor recomputed_loss = LossOf(recomputed);
  recomputed_loss.backward();
  EXPECT_TRUE(kept_loss.equal(recomputed_loss));
  auto expected = Gradients(kept);
  for (const auto& [name, gradient] : Gradients(recomputed)) {
    ASSERT_TRUE(gradient.defined()) << name;
    EXPECT_TRUE(gradient.equal(expected[name])) << name;
  }
}

TEST_P(ArchitectureConformance, ExportsTheCheckpointThatWasLoaded) {
  const Model model = LoadTiny(source_);
  const auto exported = GetParam()->export_tensors(model);
  ASSERT_EQ(exported.size(), source_.index().size());
  for (const NamedTensor& entry : exported) {
    const Tensor stored = source_.Read(entry.name).value();
    EXPECT_EQ(model.source_dtypes.at(entry.name), stored.scalar_type());
    EXPECT_TRUE(entry.tensor.to(stored.scalar_type()).equal(stored))
        << entry.name;
  }
}

TEST_P(ArchitectureConformance, LoadsWhatItExported) {
  Model model = LoadTiny(source_);
  std::map<std::string, Tensor> saved;
  for (const NamedTensor& entry : GetParam()->export_tensors(model)) {
    saved[entry.name] = entry.tensor.detach().clone();
  }
  const MemorySource copy(std::move(saved));
  Model again = LoadTiny(copy);
  EXPECT_TRUE(LossOf(model).equal(LossOf(again)));
}

TEST_P(ArchitectureConformance, LearnsOneBatch) {
  Model model = LoadTiny(source_);
  torch::optim::AdamW optimizer(model.denoiser->parameters(), 2e-3);
  const double before = LossOf(model).item<double>();
  for (int step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    LossOf(model).backward();
    optimizer.step();
  }
  EXPECT_LT(LossOf(model).item<double>(), 0.9 * before);
}

TEST_P(ArchitectureConformance, NamesEveryMissingTensor) {
  auto tensors = TinyArchitectureOf(*GetParam()).tensors;
  std::vector<std::string> removed;
  for (auto entry = tensors.begin(); entry != tensors.end();) {
    const bool is_mid =
        entry->first.find(".middle_block.0.") != std::string::npos;
    if (is_mid) removed.push_back(entry->first);
    entry = is_mid ? tensors.erase(entry) : std::next(entry);
  }
  const MemorySource source(std::move(tensors));
  const auto model = GetParam()->load(source, nullptr, TinyOptions());
  ASSERT_FALSE(model.ok());
  for (const std::string& name : removed) {
    const std::string tail = name.substr(name.find("middle_block"));
    EXPECT_THAT(std::string(model.status().message()),
                ::testing::HasSubstr(tail));
  }
}

std::vector<const Architecture*> Rows() {
  std::vector<const Architecture*> rows;
  for (const Architecture& row : AllArchitectures()) rows.push_back(&row);
  return rows;
}

INSTANTIATE_TEST_SUITE_P(All, ArchitectureConformance,
                         ::testing::ValuesIn(Rows()), [](const auto& row) {
                           return std::string(row.param->name);
                         });

}  // namespace
}  // namespace atelier::trainer::testing
