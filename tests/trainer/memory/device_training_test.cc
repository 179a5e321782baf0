// Every architecture trains on a device: no tensor is on the wrong one, and the
// host waits for it only where it must.
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "tests/support/host_kernels.h"
#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/optim/adamw.h"
#include "trainer/optim/grad_norm.h"
#include "trainer/tensor/device.h"
#include "trainer/train/step_losses.h"
#include "trainer/train/train_step.h"
#include "trainer/train/weight_format.h"

namespace atelier::trainer::testing {
namespace {

const torch::Device kDevice = FakeAccelerator::Device();

Batch TwoImages(int64_t channels) {
  const BatchRng rng{3, 0, 0};
  Batch batch;
  batch.latents = rng.Normal(RngPurpose::kLatentSample, {2, channels, 6, 10});
  batch.captions = {"a cat", "two dogs, running"};
  batch.geometry.assign(2, ImageGeometry{80, 48, 0, 0, 80, 48});
  batch.loss_weights = torch::ones({2});
  batch.loss_mask = rng.Uniform(RngPurpose::kNoise, {2, 1, 48, 80});
  batch.image_indices = {0, 1};
  batch.epoch = 1;
  return batch;
}

// A tiny model with its optimizer, on a device.
class Job {
 public:
  Job(const Architecture& architecture, torch::Device device,
      const LoopOptions& options)
      : tiny_(TinyArchitectureOf(architecture)),
        source_(tiny_.tensors),
        model_(Load(architecture)),
        step_(model_, device, options) {
    if (options.weight_type.has_value()) ToHalf(*options.weight_type);
    MoveModule(*model_.denoiser, device);
    MoveModule(*model_.vae, device);
    Add("denoiser", *model_.denoiser);
    const size_t of_denoiser = groups_[0].parameters.size();
    for (const TextEncoder& encoder : model_.conditioner->TextEncoders()) {
      MoveModule(*encoder.module, device);
      Add(encoder.name, *encoder.module);
    }
    step_.set_trains_text_encoders(groups_[0].parameters.size() > of_denoiser);
    model_.denoiser->SetGradientCheckpointing(options.gradient_checkpointing);
    model_.conditioner->SetGradientCheckpointing(
        options.gradient_checkpointing);
    optimizer_ =
        std::make_unique<AdamW>(groups_, AdamWOptions(), &HostKernels());
  }

  // One optimizer step; what waits for the device carries the part's name.
  double Step(uint64_t number) {
    const Batch batch = TwoImages(model_.vae->config().latent_channels);
    Stopwatch watch;
    BatchLoss loss;
    {
      const FakeLabel label("forward");
      loss = step_.Loss(batch, BatchRng{7, number, 0}, watch);
    }
    {
      const FakeLabel label("backward");
      loss.mean.backward();
    }
    StepLosses losses;
    losses.Add(batch, loss, 1);
    StepLosses::Values read;
    {
      const FakeLabel label("read");
      read = losses.Read(true, SquaresOf(optimizer_->groups()));
    }
    {
      const FakeLabel label("update");
      optimizer_->Step(ClipFactor(read.grad_norm, 1));
    }
    for (const NamedParameter& named : parameters()) {
      named.parameter.mutable_grad().reset();
    }
    return read.mean;
  }

  const std::vector<NamedParameter>& parameters() const {
    return groups_[0].parameters;
  }
  Model& model() { return model_; }

 private:
  Model Load(const Architecture& architecture) {
    ModelSources sources = SourcesOf(source_);
    for (const auto& [option, tensors] : tiny_.components) {
      sources.components[option] = std::make_unique<MemorySource>(tensors);
    }
    return architecture.load(sources, TinyOptions()).value();
  }

  void ToHalf(torch::ScalarType type) {
    ConvertWeights(*model_.denoiser, type);
    for (const TextEncoder& encoder : model_.conditioner->TextEncoders()) {
      ConvertWeights(*encoder.module, type);
    }
  }

  void Add(const std::string& name, torch::nn::Module& module) {
    if (groups_.empty()) groups_.push_back({"all", 1e-3, {}});
    for (const auto& item : module.named_parameters()) {
      if (!item.value().requires_grad()) continue;
      groups_[0].parameters.push_back({name + "." + item.key(), item.value()});
    }
  }

  TinyArchitecture tiny_;
  MemorySource source_;
  Model model_;
  TrainStep step_;
  std::vector<ParameterGroup> groups_;
  std::unique_ptr<Optimizer> optimizer_;
};

class DeviceTraining : public ::testing::TestWithParam<const Architecture*> {};

TEST_P(DeviceTraining, ChangesEveryWeightOnTheDeviceAsOnTheCpu) {
  Job there(*GetParam(), kDevice, {});
  Job here(*GetParam(), torch::kCPU, {});
  std::map<std::string, Tensor> before;
  for (const NamedParameter& named : there.parameters()) {
    before[named.name] = named.parameter.detach().clone();
  }
  EXPECT_NEAR(there.Step(0), here.Step(0), 1e-4);
  for (const NamedParameter& named : there.parameters()) {
    EXPECT_EQ(named.parameter.device(), kDevice) << named.name;
    EXPECT_FALSE(named.parameter.equal(before[named.name])) << named.name;
  }
  EXPECT_NEAR(there.Step(1), here.Step(1), 1e-3);
}

TEST_P(DeviceTraining, HalfPrecisionAndRecomputationRunThereToo) {
  LoopOptions options;
  options.precision = torch::kBFloat16;
  options.gradient_checkpointing = true;
  Job job(*GetParam(), kDevice, options);
  EXPECT_TRUE(std::isfinite(job.Step(0)));
  EXPECT_TRUE(std::isfinite(job.Step(1)));
}

// What only decays, in a tensor without gradient, is below half precision.
TEST_P(DeviceTraining, HalfWeightsTrainAsFullOnesDo) {
  Job full(*GetParam(), torch::kCPU, {});
  const double expected = full.Step(0);
  const std::pair<torch::Device, torch::ScalarType> cases[] = {
      {torch::kCPU, torch::kBFloat16}, {kDevice, torch::kHalf}};
  for (const auto& [device, type] : cases) {
    LoopOptions options;
    options.precision = type;
    options.weight_type = type;
    Job job(*GetParam(), device, options);
    std::map<std::string, Tensor> before;
    for (const NamedParameter& named : job.parameters()) {
      EXPECT_EQ(named.parameter.scalar_type(), type) << named.name;
      before[named.name] = named.parameter.detach().clone();
    }
    EXPECT_NEAR(job.Step(0), expected, 0.05 * std::abs(expected));
    size_t changed = 0;
    for (const NamedParameter& named : job.parameters()) {
      changed += !named.parameter.equal(before[named.name]);
      EXPECT_TRUE(named.parameter.isfinite().all().item<bool>()) << named.name;
    }
    EXPECT_GT(changed, job.parameters().size() * 9 / 10);
  }
}

TEST_P(DeviceTraining, TheHostWaitsOnlyToReadLossAndNormAtOnce) {
  Job job(*GetParam(), kDevice, {});
  job.Step(0);
  FakeAccelerator::ClearRecord();
  job.Step(1);
  std::map<std::string, std::multiset<std::string>> found;
  for (const FakeSync& sync : FakeAccelerator::syncs()) {
    found[sync.label].insert(sync.what);
  }
  // What the batch consists of is on its way while the host goes on.
  EXPECT_THAT(found["forward"], ::testing::IsEmpty());
  EXPECT_THAT(found["backward"], ::testing::IsEmpty());
  EXPECT_THAT(found["read"], ::testing::ElementsAre("copy to host"));
  EXPECT_THAT(found["update"], ::testing::IsEmpty());
}

TEST_P(DeviceTraining, ImagesAreEncodedAndPreviewsDrawnThere) {
  Job job(*GetParam(), kDevice, {});
  Model& model = job.model();
  const torch::NoGradGuard no_grad;
  const BatchRng rng{3, 0, 0};
  const Tensor image = rng.Uniform(RngPurpose::kNoise, {1, 3, 48, 64});
  EXPECT_EQ(model.vae->Moments(image.to(kDevice)).device(), kDevice);
  PreviewRequest request;
  const std::vector<ImageGeometry> geometry(1, {64, 64, 0, 0, 64, 64});
  const std::string caption = "a cat";
  request.positive = model.conditioner->Condition(
      model.conditioner->Encode({&caption, 1}, EncoderChoice::kAll), geometry,
      nullptr);
  request.negative = model.conditioner->Condition(
      model.conditioner->EncodeNegative({&caption, 1}, EncoderChoice::kAll),
      geometry, nullptr);
  request.width = request.height = 64;
  request.steps = 2;
  request.cfg_scale = 4;
  request.sampler = model.recipe->Samplers().front();
  const auto latents = model.recipe->Preview(*model.denoiser, request, kDevice);
  ASSERT_TRUE(latents.ok()) << latents.status();
  EXPECT_TRUE(latents->cpu().isfinite().all().item<bool>());
}

TEST_P(DeviceTraining, AStepLeavesNoMemoryBehind) {
  Job job(*GetParam(), kDevice, {});
  job.Step(0);
  const int64_t after_one = FakeAccelerator::live_bytes();
  job.Step(1);
  EXPECT_EQ(FakeAccelerator::live_bytes(), after_one);
}

std::vector<const Architecture*> AllRows() {
  std::vector<const Architecture*> rows;
  for (const Architecture& row : AllArchitectures()) rows.push_back(&row);
  return rows;
}

INSTANTIATE_TEST_SUITE_P(All, DeviceTraining, ::testing::ValuesIn(AllRows()),
                         [](const auto& row) {
                           return std::string(row.param->name);
                         });

}  // namespace
}  // namespace atelier::trainer::testing
