// JSON as the client prints it.
#pragma once

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

#include "atelier/v1/job.pb.h"
#include "client/context.h"

namespace atelier::client {

// One object on one line, written at once.
void PrintJson(const nlohmann::ordered_json& json, const Context& context);

// As MessageToJson, with the options of spec.training flat, by their names.
nlohmann::ordered_json JobToJson(const v1::Job& job);

// `{"error": {code, reason, message, metadata, violations, exit_code}}`.
nlohmann::ordered_json ErrorToJson(const absl::Status& status);

}  // namespace atelier::client
