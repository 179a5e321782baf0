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
      {{0, Done{"succeeded", "", "", 1}}, "done"}};
  for (const auto& [event, type] : kinds) {
    EXPECT_EQ(LineFor(event)["type"], type);
  }
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
