#include "proto/cc/event_json.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"

#include "proto/cc/message_json.h"

namespace atelier {
namespace {

using google::protobuf::FieldDescriptor;

const FieldDescriptor* KindField(const v1::Event& event) {
  return event.GetReflection()->GetOneofFieldDescriptor(
      event, v1::Event::descriptor()->FindOneofByName("kind"));
}

}  // namespace

std::string EventType(const v1::Event& event) {
  if (event.has_step_done()) return "step";
  if (const FieldDescriptor* kind = KindField(event)) return kind->name();
  const auto& unknown = event.GetReflection()->GetUnknownFields(event);
  if (unknown.empty()) return "unknown";
  return absl::StrCat("unknown_", unknown.field(0).number());
}

nlohmann::ordered_json EventToJson(const v1::Event& event) {
  nlohmann::ordered_json object;
  object["type"] = EventType(event);
  object["step"] = event.step();
  object["time"] = TimeText(event.time());
  object["attempt"] = event.attempt();
  object["sequence"] =
      event.sequence() != 0 ? event.sequence() : event.worker_sequence();
  if (const FieldDescriptor* kind = KindField(event)) {
    AppendFields(event.GetReflection()->GetMessage(event, kind), &object);
  }
  return object;
}

std::string EventJsonLine(const v1::Event& event) {
  return JsonLine(EventToJson(event));
}

}  // namespace atelier
