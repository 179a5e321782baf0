#include "server/run/capabilities.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "proto/cc/enum_name.h"
#include "proto/cc/status_macros.h"
#include "server/run/spawner.h"

namespace atelier::server {
namespace {

using Json = nlohmann::json;

std::string TextIn(const Json& json, const char* key) {
  auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

// The strings of a list; what is not a string is left out.
std::vector<std::string> TextsIn(const Json& json, const char* key) {
  std::vector<std::string> result;
  auto it = json.find(key);
  if (it == json.end() || !it->is_array()) return result;
  for (const Json& entry : *it)
    if (entry.is_string()) result.push_back(entry.get<std::string>());
  return result;
}

}  // namespace

absl::StatusOr<v1::WorkerCapabilities> ParseCapabilities(
    absl::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object())
    return absl::InternalError("the description is not a JSON object");
  v1::WorkerCapabilities result;
  result.set_version(TextIn(json, "version"));
  result.set_torch_version(TextIn(json, "torch_version"));
  result.set_cuda_message(TextIn(json, "cuda_message"));
  auto has_cuda = json.find("has_cuda");
  result.set_has_cuda(has_cuda != json.end() && has_cuda->is_boolean() &&
                      has_cuda->get<bool>());
  for (const std::string& name : TextsIn(json, "optimizers"))
    result.add_optimizers(name);
  for (const std::string& name : TextsIn(json, "samplers"))
    result.add_samplers(name);
  for (const std::string& name : TextsIn(json, "architectures")) {
    auto known = EnumFromName<v1::Architecture>(
        absl::StripPrefix(name, "ARCHITECTURE_"));
    if (known) result.add_architectures(*known);
  }
  return result;
}

absl::StatusOr<v1::WorkerCapabilities> ReadCapabilities(
    const std::string& trainer_program) {
  SpawnRequest request;
  request.command = {trainer_program, "--describe"};
  ASSIGN_OR_RETURN(std::string json, RunAndRead(request, absl::Minutes(1)));
  auto parsed = ParseCapabilities(json);
  if (!parsed.ok())
    return AddContext(parsed.status(),
                      absl::StrCat(trainer_program, " --describe"));
  return parsed;
}

}  // namespace atelier::server
