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
      : tiny_(TinyArchitectureOf(*GetParam())), source_(tiny_.tensors) {}

  // `source` with the components beside it.
  ModelSources AllSources(const CheckpointSource& source) const {
    ModelSources sources = SourcesOf(source);
    for (const auto& [option, tensors] : tiny_.components) {
      sources.components[option] = std::make_unique<MemorySource>(tensors);
    }
    return sources;
  }

  Model LoadTiny(const CheckpointSource& source) const {
    return GetParam()->load(AllSources(source), TinyOptions()).value();
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
    const NoiseLevels levels = model.recipe->SampleNoiseLevels(latents, rng);
    const Tensor noisy = model.recipe->AddNoise(latents, noise, levels);
    const Tensor output = model.denoiser->forward(
        noisy, levels.timesteps,
        model.conditioner->Condition(
            model.conditioner->Encode(captions, EncoderChoice::kAll), geometry,
            &rng));
    return model.recipe->Loss(model.recipe->Prediction(output, noisy, levels),
                              model.recipe->Target(latents, noise, levels),
                              levels, torch::ones({2}), {});
  }

  static std::map<std::string, Tensor> Gradients(const Model& model) {
    std::map<std::string, Tensor> gradients;
    for (const auto& parameter : model.denoiser->named_parameters()) {
      if (!parameter.value().requires_grad()) continue;
      gradients[parameter.key()] = parameter.value().grad();
    }
    for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
      for (const auto& parameter : encoder.module->named_parameters()) {
        if (!parameter.value().requires_grad()) continue;
        gradients[encoder.name + "." + parameter.key()] =
            parameter.value().grad();
      }
    }
    return gradients;
  }

  TinyArchitecture tiny_;
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
  const auto exported = GetParam()->export_files(model, {});
  ASSERT_EQ(exported.size(), 1);
  ASSERT_EQ(exported[0].tensors.size(), source_.index().size());
  for (const NamedTensor& entry : exported[0].tensors) {
    const Tensor stored = source_.Read(entry.name).value();
    EXPECT_EQ(entry.source_dtype, stored.scalar_type());
    EXPECT_TRUE(entry.tensor.to(stored.scalar_type()).equal(stored))
        << entry.name;
  }
}

TEST_P(ArchitectureConformance, LoadsWhatItExported) {
  Model model = LoadTiny(source_);
  std::map<std::string, Tensor> saved;
  const auto exported = GetParam()->export_files(model, {});
  for (const NamedTensor& entry : exported[0].tensors) {
    saved[entry.name] = entry.tensor.detach().clone();
  }
  const MemorySource copy(std::move(saved));
  Model again = LoadTiny(copy);
  EXPECT_TRUE(LossOf(model).equal(LossOf(again)));
}

TEST_P(ArchitectureConformance, AMaskWeighsEachCellOfTheLoss) {
  const Model model = LoadTiny(source_);
  const int64_t channels = model.vae->config().latent_channels;
  const BatchRng rng{7, 0, 0};
  const Tensor target = rng.Normal(RngPurpose::kNoise, {2, channels, 6, 10});
  const Tensor prediction =
      rng.Normal(RngPurpose::kLatentSample, target.sizes());
  const NoiseLevels levels = model.recipe->SampleNoiseLevels(target, rng);
  const auto loss = [&](const Tensor& output, const Tensor& mask) {
    return model.recipe->Loss(output, target, levels, torch::ones({2}), mask)
        .item<float>();
  };
  const Tensor ones = torch::ones({2, 1, 48, 80});
  const float whole = loss(prediction, {});
  EXPECT_GT(whole, 0);
  EXPECT_FLOAT_EQ(loss(prediction, ones), whole);
  // The mean counts masked cells as well.
  EXPECT_FLOAT_EQ(loss(prediction, ones / 4), whole / 4);
  EXPECT_EQ(loss(prediction, ones * 0), 0);
  // What is masked is not looked at, whether the mask is of pixels or of cells.
  Tensor left = ones.clone();
  left.slice(3, 40, 80).zero_();
  Tensor changed = prediction.clone();
  changed.slice(3, 5, 10).add_(100);
  EXPECT_EQ(loss(changed, left), loss(prediction, left));
  EXPECT_EQ(loss(changed, torch::avg_pool2d(left, 8)), loss(prediction, left));
  EXPECT_NE(loss(changed, {}), whole);
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
  auto tensors = tiny_.tensors;
  std::vector<std::string> removed;
  for (auto entry = tensors.begin(); entry != tensors.end();) {
    const size_t place = entry->first.find(tiny_.part);
    const bool is_part = place != std::string::npos;
    if (is_part) removed.push_back(entry->first.substr(place));
    entry = is_part ? tensors.erase(entry) : std::next(entry);
  }
  ASSERT_FALSE(removed.empty());
  const MemorySource source(std::move(tensors));
  const auto model = GetParam()->load(AllSources(source), TinyOptions());
  ASSERT_FALSE(model.ok());
  for (const std::string& name : removed) {
    EXPECT_THAT(std::string(model.status().message()),
                ::testing::HasSubstr(name.substr(1)));
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
