#include "proto/cc/job_file.h"

#include <errno.h>
#include <string.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/options_from_toml.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/resource_text.h"

namespace atelier {
namespace {

constexpr size_t kFileLimitBytes = size_t{1} << 20;

// A basic string, https://toml.io/en/v1.0.0#string.
std::string QuotedToml(absl::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&result, "\\", std::string(1, c));
    } else if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppendFormat(&result, "\\u%04X", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string TomlValue(const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? QuotedToml(*text) : ValueText(value);
}

std::string TomlValues(const Option& option,
                       const std::vector<OptionValue>& values) {
  if (!option.is_list()) return TomlValue(values.front());
  const auto append = [](std::string* out, const OptionValue& value) {
    absl::StrAppend(out, TomlValue(value));
  };
  return absl::StrCat("[", absl::StrJoin(values, ", ", append), "]");
}

std::string JobTable(const v1::JobSpec& spec) {
  std::string out;
  if (!spec.name().empty()) {
    absl::StrAppend(&out, "name = ", QuotedToml(spec.name()), "\n");
  }
  if (spec.architecture() != v1::ARCHITECTURE_UNSPECIFIED) {
    absl::StrAppend(&out, "architecture = ",
                    QuotedToml(ArchitectureName(spec.architecture())), "\n");
  }
  if (spec.max_attempts() != 0) {
    absl::StrAppend(&out, "max_attempts = ", spec.max_attempts(), "\n");
  }
  if (spec.has_stop_grace()) {
    const auto& grace = spec.stop_grace();
    absl::StrAppend(&out, "stop_grace_seconds = ", grace.seconds());
    const long milliseconds = std::lround(grace.nanos() / 1e6);
    if (milliseconds != 0) absl::StrAppendFormat(&out, ".%03d", milliseconds);
    absl::StrAppend(&out, "\n");
  }
  std::vector<std::string> labels;
  for (const auto& [key, value] : std::map<std::string, std::string>(
           spec.labels().begin(), spec.labels().end())) {
    labels.push_back(absl::StrCat(QuotedToml(key), " = ", QuotedToml(value)));
  }
  if (!labels.empty()) {
    absl::StrAppend(&out, "labels = { ", absl::StrJoin(labels, ", "), " }\n");
  }
  absl::StrAppend(&out, ResourceToml(spec));
  return out.empty() ? out : absl::StrCat("[job]\n", out);
}

}  // namespace

absl::StatusOr<v1::JobSpec> ReadJobFile(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(
        absl::StrCat("job file ", path, " does not exist"));
  }
  if (std::filesystem::is_directory(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat("job file ", path, " is a folder"));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return absl::PermissionDeniedError(
        absl::StrCat("job file ", path, " cannot be read: ", strerror(errno)));
  }
  std::string text(kFileLimitBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kFileLimitBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("job file ", path, " is larger than 1 MiB"));
  }
  const auto folder = std::filesystem::absolute(path).parent_path();
  return JobSpecFromToml(text, path, folder.string());
}

std::string JobSpecToToml(const v1::JobSpec& spec) {
  std::string out = JobTable(spec);
  const google::protobuf::FieldDescriptor* group = nullptr;
  for (const Option* option : SetOptions(spec.training())) {
    if (option->group != group) {
      group = option->group;
      absl::StrAppend(&out, out.empty() ? "" : "\n", "[", group->name(), "]\n");
    }
    const auto values = OptionValues(*option, spec.training());
    absl::StrAppend(&out, option->name, " = ", TomlValues(*option, values),
                    "\n");
  }
  return out;
}

}  // namespace atelier
