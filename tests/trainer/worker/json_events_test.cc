#include "trainer/worker/json_events.h"

#include <sstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace atelier::trainer {
namespace {

nlohmann::json LineFor(Event event) {
  std::ostringstream out;
  JsonEvents(out).Send(std::move(event));
  const std::string text = out.str();
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one object, one line";
  return nlohmann::json::parse(text);
}

TEST(JsonEventsTest, AStepHasTypeStepTimeAndItsOwnFieldsFlat) {
  StepDone step;
  step.total_steps = 10;
  step.loss = 0.5;
  step.lr = 1e-5;
  step.lr_groups = {{"unet", 1e-5}};
  step.grad_norm = 2;
  step.step_seconds = 0.25;
  step.data_wait_seconds = 0.125;
  step.images_per_second = 4;
  step.host_peak_bytes = 1000;
  const nlohmann::json line = LineFor({3, step});
  EXPECT_EQ(line["type"], "step");
  EXPECT_EQ(line["step"], 3);
  EXPECT_TRUE(line["time"].is_string());
  EXPECT_EQ(line["loss"], 0.5);
  EXPECT_EQ(line["lr"], 1e-5);
  EXPECT_EQ(line["grad_norm"], 2);
  EXPECT_EQ(line["step_seconds"], 0.25);
  EXPECT_EQ(line["data_wait_seconds"], 0.125);
  EXPECT_EQ(line["images_per_second"], 4);
  EXPECT_EQ(line["host_peak_bytes"], 1000);
  EXPECT_EQ(line["device_peak_bytes"], 0);
  EXPECT_EQ(line["lr_groups"]["unet"], 1e-5);
}

TEST(JsonEventsTest, EveryKindHasItsType) {
  const std::vector<std::pair<Event, std::string>> kinds = {
      {{0, PhaseProgress{"loading", 1, 2, "text"}}, "phase"},
      {{0, StepDone{}}, "step"},
      {{0, CheckpointSaved{}}, "checkpoint"},
      {{0, TrainingStateSaved{}}, "training_state"},
      {{0, SampleSaved{}}, "sample"},
      {{0, Warning{"careful"}}, "warning"},
      {{0, BucketsMade{}}, "buckets"},
      {{0, Resumed{}}, "resumed"},
      {{0, Validated{}}, "validation"},
      {{0, LossLedgerSaved{}}, "loss_ledger"},
      {{0, Done{"succeeded", "", "", 1}}, "done"}};
  for (const auto& [event, type] : kinds) {
    EXPECT_EQ(LineFor(event)["type"], type);
  }
}

TEST(JsonEventsTest, AValidationHasARowForWeightsAndAverages) {
  Validated validated;
  validated.timesteps = {100, 900};
  validated.rows = {{"weights", 0.5, 0.25, {0.75, 0.25}, {0.5, 0}},
                    {"ema0.9", 0.4, 0.2, {0.6, 0.2}, {0.4, 0}}};
  validated.images = 3;
  validated.best_loss = 0.4;
  validated.best_step = 7;
  validated.best_weights = "ema0.9";
  validated.without_improvement = 2;
  const nlohmann::json line = LineFor({7, validated});
  EXPECT_EQ(line["timesteps"], nlohmann::json({100.0, 900.0}));
  EXPECT_EQ(line["rows"][0]["weights"], "weights");
  EXPECT_EQ(line["rows"][0]["losses"], nlohmann::json({0.75, 0.25}));
  EXPECT_EQ(line["rows"][1]["train_loss"], 0.2);
  EXPECT_EQ(line["images"], 3);
  EXPECT_EQ(line["best_loss"], 0.4);
  EXPECT_EQ(line["best_step"], 7);
  EXPECT_EQ(line["best_weights"], "ema0.9");
  EXPECT_EQ(line["without_improvement"], 2);
}

TEST(JsonEventsTest, ALossLedgerNamesItsFileAndTheWorstImages) {
  const nlohmann::json line = LineFor(
      {5, LossLedgerSaved{"l.json", 10, "ab", 2, {{"a.png", "cat", 4, 1, 2}}}});
  EXPECT_EQ(line["path"], "l.json");
  EXPECT_EQ(line["sha256"], "ab");
  EXPECT_EQ(line["images"], 2);
  EXPECT_EQ(line["worst"][0]["path"], "a.png");
  EXPECT_EQ(line["worst"][0]["caption"], "cat");
  EXPECT_EQ(line["worst"][0]["count"], 4);
  EXPECT_EQ(line["worst"][0]["ratio"], 2);
}

TEST(JsonEventsTest, ACheckpointNamesItsFileAndWhatItReplaced) {
  const nlohmann::json line = LineFor(
      {5, CheckpointSaved{"a.safetensors", 12, "ab", 0.5, true, {"b"}}});
  EXPECT_EQ(line["path"], "a.safetensors");
  EXPECT_EQ(line["size_bytes"], 12);
  EXPECT_EQ(line["sha256"], "ab");
  EXPECT_EQ(line["is_final"], true);
  EXPECT_EQ(line["removed"][0], "b");
}

}  // namespace
}  // namespace atelier::trainer
