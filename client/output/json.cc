#include "client/output/json.h"

#include "client/exit_code.h"
#include "proto/cc/error_details.h"
#include "proto/cc/message_json.h"

namespace atelier::client {

using Json = nlohmann::ordered_json;

void PrintJson(const Json& json, const Context& context) {
  // On a terminal nothing but ASCII, so that no text can move the cursor.
  context.out << json.dump(-1, ' ', context.terminal.is_terminal,
                           Json::error_handler_t::replace)
              << std::endl;
}

Json JobToJson(const v1::Job& job) {
  Json object = MessageToJson(job);
  if (!job.has_spec()) return object;
  Json options = Json::object();
  const Json groups = MessageToJson(job.spec().training());
  for (const auto& [group, fields] : groups.items()) {
    for (const auto& [name, value] : fields.items()) {
      const bool is_unset_list = value.is_array() && value.empty();
      if (!is_unset_list) options[name] = value;
    }
  }
  object["spec"]["training"] = std::move(options);
  return object;
}

Json ErrorToJson(const absl::Status& status) {
  Json error;
  error["code"] = absl::StatusCodeToString(status.code());
  error["reason"] = ErrorReason(status);
  error["message"] = std::string(status.message());
  error["metadata"] = Json::object();
  for (const auto& [key, value] : MetadataOf(status)) {
    error["metadata"][key] = value;
  }
  error["violations"] = Json::array();
  for (const Violation& violation : ViolationsOf(status)) {
    error["violations"].push_back(
        {{"field", violation.field}, {"message", violation.message}});
  }
  error["exit_code"] = static_cast<int>(ExitCodeOf(status));
  return {{"error", error}};
}

}  // namespace atelier::client
