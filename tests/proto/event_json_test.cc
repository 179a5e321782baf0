#include "proto/cc/event_json.h"

#include <limits>

#include "gtest/gtest.h"

namespace atelier {
namespace {

v1::Event EventAt(int64_t sequence) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_attempt(2);
  event.set_step(40);
  event.mutable_time()->set_seconds(1769860800);
  event.mutable_time()->set_nanos(123999999);
  return event;
}

TEST(EventJsonTest, PhaseIsOneFlatObjectInOrder) {
  v1::Event event = EventAt(9);
  event.mutable_phase()->set_phase("caching");
  event.mutable_phase()->set_done(3);
  event.mutable_phase()->set_total(8);
  EXPECT_EQ(EventJsonLine(event),
            R"({"type":"phase","step":40,"time":"2026-01-31T12:00:00.123Z",)"
            R"("attempt":2,"sequence":9,"phase":"caching","done":3,"total":8,)"
            R"("detail":""})");
}

TEST(EventJsonTest, StepDoneIsOfTypeStep) {
  v1::Event event = EventAt(9);
  event.mutable_step_done()->set_loss(0.25);
  (*event.mutable_step_done()->mutable_lr_groups())["unet"] = 0.5;
  (*event.mutable_step_done()->mutable_lr_groups())["text_encoder"] = 0.125;
  const auto json = EventToJson(event);
  EXPECT_EQ(json["type"], "step");
  EXPECT_EQ(json["loss"], 0.25);
  EXPECT_EQ(json["skipped"], false);
  EXPECT_EQ(json["lr_groups"].dump(), R"({"text_encoder":0.125,"unet":0.5})");
}

TEST(EventJsonTest, NumbersThatAreNotFiniteAreNull) {
  v1::Event event = EventAt(1);
  event.mutable_step_done()->set_loss(std::numeric_limits<double>::quiet_NaN());
  event.mutable_step_done()->set_grad_norm(
      std::numeric_limits<double>::infinity());
  const auto json = EventToJson(event);
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_TRUE(json["grad_norm"].is_null());
}

TEST(EventJsonTest, EnumsStandWithoutPrefix) {
  v1::Event event = EventAt(1);
  event.mutable_state()->set_state(v1::JOB_STATE_FAILED);
  event.mutable_state()->set_reason(v1::JOB_REASON_DISK_FULL);
  const auto json = EventToJson(event);
  EXPECT_EQ(json["state"], "FAILED");
  EXPECT_EQ(json["reason"], "DISK_FULL");
}

TEST(EventJsonTest, UnknownEnumValueIsItsNumber) {
  v1::Event event = EventAt(1);
  event.mutable_state()->set_state(static_cast<v1::JobState>(77));
  EXPECT_EQ(EventToJson(event)["state"], "77");
}

TEST(EventJsonTest, UnknownKindIsNamedByItsNumber) {
  v1::Event event = EventAt(1);
  event.GetReflection()
      ->MutableUnknownFields(&event)
      ->AddLengthDelimited(99)
      ->append("x");
  EXPECT_EQ(EventType(event), "unknown_99");
  EXPECT_EQ(EventToJson(event)["sequence"], 1);
}

TEST(EventJsonTest, WorkersOwnSequenceStandsWhereNoDaemonSetOne) {
  v1::Event event = EventAt(0);
  event.set_worker_sequence(5);
  event.mutable_warning()->set_message("careful");
  EXPECT_EQ(EventToJson(event)["sequence"], 5);
}

TEST(EventJsonTest, BucketsAreAnArrayOfObjects) {
  v1::Event event = EventAt(1);
  auto* bucket = event.mutable_buckets()->add_buckets();
  bucket->set_width(512);
  bucket->set_height(448);
  bucket->set_images(3);
  EXPECT_EQ(EventToJson(event)["buckets"].dump(),
            R"([{"width":512,"height":448,"images":3,"batches":0}])");
}

TEST(EventJsonTest, TextThatIsNotUtf8IsPrintedAllTheSame) {
  v1::Event event = EventAt(1);
  event.mutable_warning()->set_message(
      "a\xff"
      "b");
  EXPECT_NE(EventJsonLine(event).find("\"message\":\"a"), std::string::npos);
}

}  // namespace
}  // namespace atelier
