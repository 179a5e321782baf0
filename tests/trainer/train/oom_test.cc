// A device whose memory runs out in the middle of a run.
#include <cmath>

#include "tests/support/fake_accelerator.h"
#include "tests/support/oracle.h"
#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/cuda/cuda_loader.h"
#include "trainer/job/failure.h"
#include "trainer/train/batch_parts.h"

namespace atelier::trainer::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<OpenedDevice> OpenFake(const DeviceRequest&) {
  return OpenedDevice{FakeAccelerator::Device(), "a fake accelerator", 0};
}

// The step in which memory becomes short, if nothing else is said.
constexpr int64_t kShortStep = 2;

class OomTest : public TrainTest {
 protected:
  void SetUp() override {
    FakeAccelerator::Device();
    FakeAccelerator::SetLimit(0);
    TrainTest::SetUp();
  }
  void TearDown() override { FakeAccelerator::SetLimit(0); }

  // Three steps whose updates are linear in their gradients, so that rounding
  // stays rounding, with pictures so large that activations outweigh gradients.
  v1::JobSpec Linear(const std::string& output, int batch) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_dataset()->set_train_batch_size(batch);
    config.mutable_dataset()->set_cache_latents(true);
    config.mutable_dataset()->set_cache_text_encoder_outputs(true);
    config.mutable_dataset()->set_resolution("192");
    config.mutable_run()->set_max_train_steps(3);
    config.mutable_optimizer()->set_optimizer_type("SGDNesterov");
    config.mutable_optimizer()->set_learning_rate_te(0);
    config.mutable_optimizer()->set_max_grad_norm(0);
    return spec;
  }

  // Runs on the accelerator, whose memory is `limit` bytes from a step on.
  absl::Status RunOnFake(const v1::JobSpec& spec, int64_t limit,
                         int64_t short_step = kShortStep) {
    FakeAccelerator::SetLimit(0);
    FakeAccelerator::ClearRecord();
    events_ = RecordedEvents();
    events_.on_event = [=](const Event& event) {
      const auto* phase = std::get_if<PhaseProgress>(&event.kind);
      const bool begins = phase != nullptr && phase->phase == "training";
      const bool is_step = std::holds_alternative<StepDone>(event.kind);
      if ((begins || is_step) && event.step == short_step - 1) {
        FakeAccelerator::SetLimit(limit);
      }
    };
    RunContext context;
    context.output_dir = spec.training().output().output_dir();
    context.tokenizer_dir = ATELIER_TOKENIZER_DIR;
    context.open_device = OpenFake;
    const absl::Status status = RunJob(spec, context, events_, stop_);
    FakeAccelerator::SetLimit(0);
    return status;
  }

  // Just too little for a step of the newest run.
  int64_t BelowPeakOf(int64_t step) const {
    const std::vector<StepDone> steps = events_.Of<StepDone>();
    int64_t bytes = -1;
    for (const auto& [part, held] : steps.at(step - 1).device_part_bytes) {
      bytes += held;
    }
    return bytes;
  }

  std::vector<std::string> Warnings() const {
    std::vector<std::string> found;
    for (const Warning& warning : events_.Of<Warning>()) {
      if (warning.message.find("memory") != std::string::npos) {
        found.push_back(warning.message);
      }
    }
    return found;
  }

  std::string Result(const std::string& output) const {
    return FileBytes(Out(output, "t.safetensors"));
  }

  // Distances of weights, relative to what the training changed.
  void ExpectClose(const std::string& found, const std::string& expected) {
    const auto ours = ReadSafetensors(Out(found, "t.safetensors"));
    const auto theirs = ReadSafetensors(Out(expected, "t.safetensors"));
    ASSERT_TRUE(ours.ok() && theirs.ok());
    for (const auto& [name, tensor] : *theirs) {
      const Tensor difference =
          ours->at(name).to(torch::kFloat64) - tensor.to(torch::kFloat64);
      EXPECT_LE(difference.norm().item<double>(),
                1e-6 * tensor.to(torch::kFloat64).norm().item<double>() + 1e-9)
          << name;
    }
  }
};

TEST_F(OomTest, SmallerMicroBatchesComeFirstAndChangeWeightsByRoundingOnly) {
  ASSERT_TRUE(RunOnFake(Linear("calm", 5), 0).ok());
  const int64_t limit = BelowPeakOf(kShortStep);
  const absl::Status short_of = RunOnFake(Linear("short", 5), limit);
  ASSERT_TRUE(short_of.ok()) << short_of;
  EXPECT_THAT(
      Warnings(),
      ElementsAre(AllOf(HasSubstr("step 2"), HasSubstr("Tried to allocate"),
                        HasSubstr("of weights"),
                        HasSubstr("micro-batches of at most 3 samples"))));
  EXPECT_EQ(FakeAccelerator::refusals(), 1);
  EXPECT_GT(FakeAccelerator::emptied(), 0);
  EXPECT_EQ(events_.Of<StepDone>().size(), 3u);
  ExpectClose("short", "calm");
}

TEST_F(OomTest, CheckpointingComesNextAndChangesNothing) {
  ASSERT_TRUE(RunOnFake(Linear("calm", 1), 0).ok());
  const int64_t limit = BelowPeakOf(kShortStep);
  const absl::Status short_of = RunOnFake(Linear("short", 1), limit);
  ASSERT_TRUE(short_of.ok()) << short_of;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("gradient_checkpointing")));
  EXPECT_EQ(Result("short"), Result("calm"));
}

TEST_F(OomTest, MoreBlocksAreSwappedLastAndTheirStateGoesWithThem) {
  const auto flow = [&](const std::string& output) {
    v1::JobSpec spec = Linear(output, 1);
    spec.set_architecture(v1::ARCHITECTURE_SD3);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_optimizer()->clear_learning_rate_te();
    v1::ModelOptions& model = *config.mutable_model();
    model.set_pretrained_model_name_or_path(
        OraclePath("sd3/sd3.5_medium.safetensors"));
    model.set_clip_l(OraclePath("sd3/clip_l.safetensors"));
    model.set_clip_g(OraclePath("sd3/clip_g.safetensors"));
    model.set_t5xxl(OraclePath("sd3/t5xxl.safetensors"));
    config.mutable_dataset()->set_resolution("64");
    config.mutable_run()->set_gradient_checkpointing(true);
    return spec;
  };
  ASSERT_TRUE(RunOnFake(flow("calm"), 0).ok());
  const StepDone before = events_.Of<StepDone>().back();
  const absl::Status short_of =
      RunOnFake(flow("short"), BelowPeakOf(kShortStep));
  ASSERT_TRUE(short_of.ok()) << short_of;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("blocks_to_swap = 1")));
  const StepDone after = events_.Of<StepDone>().back();
  EXPECT_LT(after.device_part_bytes.at("optimizer"),
            before.device_part_bytes.at("optimizer"));
  EXPECT_GT(after.swap_wait_seconds, 0);
  EXPECT_EQ(Result("short"), Result("calm"));
}

TEST_F(OomTest, FailSaysHowManyBytesInWhichStepAndWhatToTurnOn) {
  ASSERT_TRUE(RunOnFake(Linear("calm", 5), 0).ok());
  v1::JobSpec spec = Linear("short", 5);
  spec.mutable_training()->mutable_run()->set_on_oom("fail");
  const absl::Status failed = RunOnFake(spec, BelowPeakOf(kShortStep));
  EXPECT_TRUE(absl::IsResourceExhausted(failed)) << failed;
  EXPECT_EQ(FailureMark(failed), kDeviceMemory);
  EXPECT_THAT(std::string(failed.message()),
              AllOf(HasSubstr("step 2"), HasSubstr("Tried to allocate"),
                    HasSubstr("of optimizer"), HasSubstr("on_oom = recover"),
                    HasSubstr("gradient_checkpointing")));
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_F(OomTest, WhereNothingIsLeftToGiveUpTheRunEnds) {
  v1::JobSpec spec = Linear("short", 1);
  spec.mutable_training()->mutable_run()->set_gradient_checkpointing(true);
  const absl::Status failed = RunOnFake(spec, 1);
  EXPECT_EQ(FailureMark(failed), kDeviceMemory);
  EXPECT_THAT(std::string(failed.message()),
              AllOf(HasSubstr("nothing left to give up"), HasSubstr("step 2")));
}

TEST_F(OomTest, AResumedRunGoesOnWithWhatWasGivenUp) {
  ASSERT_TRUE(RunOnFake(Linear("calm", 5), 0).ok());
  const int64_t limit = BelowPeakOf(kShortStep);
  const auto saving = [&](const std::string& output) {
    v1::JobSpec spec = Linear(output, 5);
    spec.mutable_training()->mutable_output()->set_save_state(true);
    spec.mutable_training()->mutable_output()->set_save_every_n_steps(2);
    return spec;
  };
  ASSERT_TRUE(RunOnFake(saving("short"), limit).ok());
  const std::string whole = Result("short");
  ASSERT_EQ(Warnings().size(), 1u);
  // From the state after step 2, on a device with enough memory.
  v1::JobSpec again = saving("again");
  again.mutable_training()->mutable_run()->set_resume(
      Out("short", "t-step00000002-state"));
  const absl::Status resumed = RunOnFake(again, 0);
  ASSERT_TRUE(resumed.ok()) << resumed;
  EXPECT_THAT(Warnings(), IsEmpty());
  EXPECT_EQ(events_.Of<StepDone>().size(), 1u);
  EXPECT_EQ(Result("again"), whole);
}

TEST_F(OomTest, AFusedUpdateIsNeverHalfMade) {
  for (const char* clip : {"exact", "previous"}) {
    const auto fused = [&](const std::string& output) {
      v1::JobSpec spec = Linear(output, 1);
      v1::RunOptions& run = *spec.mutable_training()->mutable_run();
      run.set_fused_backward_pass(true);
      run.set_fused_clip(clip);
      if (std::string(clip) == "exact") {
        spec.mutable_training()->mutable_optimizer()->set_max_grad_norm(1);
      }
      return spec;
    };
    const std::string calm = absl::StrCat("calm-", clip);
    const std::string short_of = absl::StrCat("short-", clip);
    ASSERT_TRUE(RunOnFake(fused(calm), 0).ok());
    const absl::Status status = RunOnFake(fused(short_of), BelowPeakOf(1), 1);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("gradient_checkpointing")));
    EXPECT_EQ(Result(short_of), Result(calm)) << clip;
  }
}

TEST(BatchPartsTest, PartsHaveEverySampleOnceInOrderAndLikeSizes) {
  Batch batch;
  batch.latents = torch::arange(5).view({5, 1, 1, 1});
  batch.captions = {"a", "b", "c", "d", "e"};
  batch.loss_weights = torch::arange(5);
  batch.image_indices = {7, 6, 5, 4, 3};
  batch.epoch = 2;
  const std::vector<Batch> parts = SplitBatch(batch, 2);
  ASSERT_EQ(parts.size(), 3u);
  std::vector<Tensor> latents;
  std::vector<std::string> captions;
  std::vector<int64_t> images;
  for (const Batch& part : parts) {
    EXPECT_LE(part.size(), 2);
    EXPECT_EQ(part.epoch, 2);
    EXPECT_EQ(part.loss_weights.size(0), part.size());
    latents.push_back(part.latents);
    captions.insert(captions.end(), part.captions.begin(), part.captions.end());
    images.insert(images.end(), part.image_indices.begin(),
                  part.image_indices.end());
  }
  EXPECT_TRUE(torch::cat(latents).equal(batch.latents));
  EXPECT_EQ(captions, batch.captions);
  EXPECT_EQ(images, batch.image_indices);
  EXPECT_EQ(SplitBatch(batch, 0).size(), 1u);
}

}  // namespace
}  // namespace atelier::trainer::testing
