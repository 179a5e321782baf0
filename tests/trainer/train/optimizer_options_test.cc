// Optimizers, fused updates and half-precision weights as jobs use them.
#include <cmath>

#include "proto/cc/options_schema.h"
#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using ::testing::HasSubstr;
using testing::TrainTest;

class OptimizerOptionsTest : public TrainTest {
 protected:
  // Three steps with a state at the end; `change` sets what the test is about.
  v1::JobSpec ShortJob(const std::string& output,
                       const std::function<void(v1::TrainingConfig&)>& change) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_run()->set_max_train_steps(3);
    config.mutable_optimizer()->set_lr_scheduler("constant");
    config.mutable_optimizer()->set_lr_warmup_steps("0");
    config.mutable_output()->set_save_state(true);
    change(config);
    return spec;
  }

  // The bytes of the weights and of the optimizer's state after a job.
  std::string Outcome(const std::string& output,
                      const std::function<void(v1::TrainingConfig&)>& change) {
    const absl::Status status = Run(ShortJob(output, change));
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return output;
    return FileBytes(Out(output, "t-state/model.safetensors")) +
           FileBytes(Out(output, "t-state/optimizer.safetensors"));
  }
};

TEST(OptimizerChoicesTest, AreThoseThatTheTrainerKnows) {
  std::vector<std::string> known;
  for (const OptimizerKind& kind : AllOptimizers()) {
    known.emplace_back(kind.name);
  }
  const auto& choices = FindOption("optimizer_type")->info.choices();
  EXPECT_THAT(std::vector<std::string>(choices.begin(), choices.end()),
              ::testing::UnorderedElementsAreArray(known));
}

class FusedOptimizersTest : public OptimizerOptionsTest,
                            public ::testing::WithParamInterface<std::string> {
};

TEST_P(FusedOptimizersTest, UpdateToTheSameBitsDuringBackward) {
  // With a norm to know first, and gradients to gather first.
  const std::pair<int, double> cases[] = {{1, 0.01}, {2, 0.0}};
  for (const auto& [micro_batches, norm] : cases) {
    std::string outcomes[2];
    for (const bool fused : {false, true}) {
      const std::string output =
          absl::StrCat(fused ? "fused" : "plain", micro_batches);
      const auto change = [&, count = micro_batches,
                           most = norm](v1::TrainingConfig& config) {
        config.mutable_run()->set_max_train_steps(2);
        config.mutable_run()->set_gradient_accumulation_steps(count);
        config.mutable_run()->set_fused_backward_pass(fused);
        config.mutable_optimizer()->set_optimizer_type(GetParam());
        config.mutable_optimizer()->set_max_grad_norm(most);
      };
      outcomes[fused] = Outcome(output, change);
    }
    EXPECT_TRUE(outcomes[0] == outcomes[1]) << micro_batches;
  }
}

// One of each kind of update.
INSTANTIATE_TEST_SUITE_P(Kinds, FusedOptimizersTest,
                         ::testing::Values("adamw", "AdamW8bit", "Lion",
                                           "Adafactor", "Prodigy", "DAdaptAdam",
                                           "AdamWScheduleFree"),
                         [](const auto& test) { return test.param; });

TEST_F(OptimizerOptionsTest, ANormThatNeverClipsMakesBothWaysOfFusingEqual) {
  const auto outcome = [&](const std::string& clip, double norm) {
    return Outcome(absl::StrCat(clip, norm), [&](v1::TrainingConfig& config) {
      config.mutable_run()->set_max_train_steps(2);
      config.mutable_run()->set_fused_backward_pass(true);
      config.mutable_run()->set_fused_clip(clip);
      config.mutable_optimizer()->set_max_grad_norm(norm);
    });
  };
  EXPECT_TRUE(outcome("exact", 1e6) == outcome("previous", 1e6));
  EXPECT_FALSE(outcome("exact", 0.01) == outcome("previous", 0.01));
}

TEST_F(OptimizerOptionsTest, ScheduleFreeSavesTheAverageAndTrainsOn) {
  const auto job = [](v1::TrainingConfig& config) {
    config.mutable_optimizer()->set_optimizer_type("AdamWScheduleFree");
  };
  ASSERT_TRUE(Run(ShortJob("out", job)).ok());
  const auto saved = OpenCheckpoint(Out("out", "t.safetensors")).value();
  const auto trained =
      OpenCheckpoint(Out("out", "t-state/model.safetensors")).value();
  const Tensor average = *saved->Read("model.diffusion_model.out.2.weight");
  const Tensor weight = *trained->Read("unet.out.2.weight");
  EXPECT_FALSE(average.equal(weight));
  EXPECT_LT((average - weight).norm().item<double>(),
            0.5 * weight.norm().item<double>());
}

void FullBf16(v1::TrainingConfig& config) {
  config.mutable_run()->set_mixed_precision("bf16");
  config.mutable_run()->set_full_bf16(true);
  config.mutable_run()->set_max_train_steps(2);
}

TEST_F(OptimizerOptionsTest, FullBf16IsHalfAndTheSameFusedAndResumed) {
  const std::string plain = Outcome("plain", FullBf16);
  const auto state =
      OpenCheckpoint(Out("plain", "t-state/optimizer.safetensors")).value();
  EXPECT_EQ(state->Read("unet.out.2.weight.exp_avg")->scalar_type(),
            torch::kBFloat16);
  const auto saved = OpenCheckpoint(Out("plain", "t.safetensors")).value();
  const Tensor weight = *saved->Read("model.diffusion_model.out.2.weight");
  EXPECT_EQ(weight.scalar_type(), torch::kBFloat16);
  const auto base = OpenCheckpoint(Checkpoint()).value();
  EXPECT_FALSE(weight.equal(
      base->Read("model.diffusion_model.out.2.weight")->to(torch::kBFloat16)));
  const std::string fused = Outcome("fused", [](v1::TrainingConfig& config) {
    FullBf16(config);
    config.mutable_run()->set_fused_backward_pass(true);
  });
  EXPECT_TRUE(plain == fused);
  ASSERT_TRUE(
      absl::IsCancelled(RunAndStopAfter(ShortJob("stopped", FullBf16), 1)));
  ASSERT_TRUE(Run(ShortJob("stopped", FullBf16), /*from_newest=*/true).ok());
  EXPECT_TRUE(plain ==
              FileBytes(Out("stopped", "t-state/model.safetensors")) +
                  FileBytes(Out("stopped", "t-state/optimizer.safetensors")));
}

TEST_F(OptimizerOptionsTest, FullFp16TrainsWithAScaledLoss) {
  ASSERT_TRUE(Run(ShortJob("out", [](v1::TrainingConfig& config) {
                config.mutable_run()->set_mixed_precision("fp16");
                config.mutable_run()->set_full_fp16(true);
                config.mutable_run()->set_max_train_steps(2);
              })).ok());
  const auto saved = OpenCheckpoint(Out("out", "t.safetensors")).value();
  const Tensor weight = *saved->Read("model.diffusion_model.out.2.weight");
  EXPECT_EQ(weight.scalar_type(), torch::kHalf);
  for (const StepDone& step : events_.Of<StepDone>()) {
    EXPECT_TRUE(std::isfinite(step.loss));
  }
}

TEST_F(OptimizerOptionsTest, OneStepSizeForAllRefusesSeveralRates) {
  const absl::Status status =
      Run(ShortJob("out", [](v1::TrainingConfig& config) {
        config.mutable_optimizer()->set_optimizer_type("DAdaptAdam");
        config.mutable_optimizer()->set_learning_rate(1);
        config.mutable_optimizer()->set_learning_rate_te(0.5);
      }));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("give both the same, or 0 to one of them"));
}

TEST_F(OptimizerOptionsTest, OlderNamesStandForTheirOptimizers) {
  const std::string by_name = Outcome("name", [](v1::TrainingConfig& config) {
    config.mutable_optimizer()->set_optimizer_type("AdamW8bit");
  });
  EXPECT_TRUE(by_name == Outcome("older", [](v1::TrainingConfig& config) {
                config.mutable_optimizer()->set_use_8bit_adam(true);
              }));
}

}  // namespace
}  // namespace atelier::trainer
