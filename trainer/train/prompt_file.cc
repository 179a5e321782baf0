#include "trainer/train/prompt_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "proto/cc/toml.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

using Json = nlohmann::json;

constexpr int kSizeStep = 8;
constexpr int kSmallestSize = 64;
constexpr int kLargestSize = 8192;

absl::Status BadValue(absl::string_view name, absl::string_view value,
                      absl::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is `", value, "`; must be ", allowed));
}

absl::StatusOr<int> ReadSize(absl::string_view name, absl::string_view value) {
  int size = 0;
  if (!absl::SimpleAtoi(value, &size) || size < 1 || size > kLargestSize) {
    return BadValue(name, value, "a number of pixels up to 8192");
  }
  return std::max(kSmallestSize, size - size % kSizeStep);
}

using Setter = absl::Status (*)(absl::string_view value, PreviewPrompt& prompt);

absl::Status SetWidth(absl::string_view value, PreviewPrompt& prompt) {
  ASSIGN_OR_RETURN(prompt.width, ReadSize("width", value));
  return absl::OkStatus();
}

absl::Status SetHeight(absl::string_view value, PreviewPrompt& prompt) {
  ASSIGN_OR_RETURN(prompt.height, ReadSize("height", value));
  return absl::OkStatus();
}

absl::Status SetSeed(absl::string_view value, PreviewPrompt& prompt) {
  uint64_t seed = 0;
  if (!absl::SimpleAtoi(value, &seed)) {
    return BadValue("seed", value, "a whole number from 0 on");
  }
  prompt.seed = seed;
  return absl::OkStatus();
}

absl::Status SetSteps(absl::string_view value, PreviewPrompt& prompt) {
  int64_t steps = 0;
  if (!absl::SimpleAtoi(value, &steps)) {
    return BadValue("sample_steps", value, "a whole number from 1 to 1000");
  }
  prompt.steps = static_cast<int>(std::clamp<int64_t>(steps, 1, 1000));
  return absl::OkStatus();
}

absl::Status SetScale(absl::string_view value, PreviewPrompt& prompt) {
  double scale = 0;
  if (!absl::SimpleAtod(value, &scale) || !(scale >= 0 && scale <= 1e6)) {
    return BadValue("scale", value, "a number from 0 on");
  }
  prompt.scale = scale;
  return absl::OkStatus();
}

// A number of 0 or more into one of the optional fields.
template <std::optional<double> PreviewPrompt::*field>
absl::Status SetNumber(absl::string_view value, PreviewPrompt& prompt) {
  double number = 0;
  if (!absl::SimpleAtod(value, &number) || !(number >= 0 && number <= 1e6)) {
    return BadValue("the value of a prompt's flag", value,
                    "a number from 0 on");
  }
  prompt.*field = number;
  return absl::OkStatus();
}

absl::Status SetNegative(absl::string_view value, PreviewPrompt& prompt) {
  prompt.negative_prompt = std::string(value);
  return absl::OkStatus();
}

absl::Status SetSampler(absl::string_view value, PreviewPrompt& prompt) {
  prompt.sampler = absl::AsciiStrToLower(value);
  return absl::OkStatus();
}

absl::Status SetPrompt(absl::string_view value, PreviewPrompt& prompt) {
  prompt.prompt = std::string(value);
  return absl::OkStatus();
}

struct Setting {
  absl::string_view flag;  // of a line; empty: none
  absl::string_view key;   // of an object
  Setter set;
};

constexpr Setting kSettings[] = {
    {"w", "width", &SetWidth},
    {"h", "height", &SetHeight},
    {"d", "seed", &SetSeed},
    {"s", "sample_steps", &SetSteps},
    {"l", "scale", &SetScale},
    {"n", "negative_prompt", &SetNegative},
    {"ss", "sample_sampler", &SetSampler},
    {"g", "guidance_scale", &SetNumber<&PreviewPrompt::guidance_scale>},
    {"fs", "flow_shift", &SetNumber<&PreviewPrompt::flow_shift>},
    {"ctr", "cfg_trunc_ratio", &SetNumber<&PreviewPrompt::cfg_trunc_ratio>},
    {"rcfg", "renorm_cfg", &SetNumber<&PreviewPrompt::renorm_cfg>},
    {"", "prompt", &SetPrompt},
};

absl::Status ApplyFlag(absl::string_view text, PreviewPrompt& prompt) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(' ', 1));
  const std::string flag = absl::AsciiStrToLower(parts.first);
  if (flag.empty()) return absl::OkStatus();
  for (const Setting& setting : kSettings) {
    if (setting.flag != flag) continue;
    return setting.set(absl::StripAsciiWhitespace(parts.second), prompt);
  }
  return absl::OkStatus();
}

// The value of a key as it would stand behind a flag.
std::string ValueText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

absl::Status ApplyObject(const Json& object, PreviewPrompt& prompt) {
  for (const Setting& setting : kSettings) {
    const auto value = object.find(std::string(setting.key));
    if (value == object.end()) continue;
    RETURN_IF_ERROR(setting.set(ValueText(*value), prompt));
  }
  return absl::OkStatus();
}

absl::Status AddEntry(const Json& entry, const Json& shared,
                      const PreviewPrompt& base,
                      std::vector<PreviewPrompt>& prompts) {
  if (entry.is_string()) {
    ASSIGN_OR_RETURN(PreviewPrompt prompt,
                     ParsePromptLine(entry.get<std::string>(), base));
    prompts.push_back(std::move(prompt));
    return absl::OkStatus();
  }
  if (!entry.is_object()) {
    return absl::InvalidArgumentError(
        "a prompt must be a table of keys, or a line of text");
  }
  PreviewPrompt prompt = base;
  RETURN_IF_ERROR(ApplyObject(shared, prompt));
  RETURN_IF_ERROR(ApplyObject(entry, prompt));
  prompts.push_back(std::move(prompt));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PreviewPrompt>> FromLines(
    absl::string_view text, const PreviewPrompt& base) {
  std::vector<PreviewPrompt> prompts;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<PreviewPrompt> prompt = ParsePromptLine(line, base);
    if (!prompt.ok()) {
      return AddContext(prompt.status(), absl::StrCat("line ", number));
    }
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

absl::StatusOr<std::vector<PreviewPrompt>> FromEntries(
    const Json& entries, const Json& shared, const PreviewPrompt& base) {
  std::vector<PreviewPrompt> prompts;
  for (const Json& entry : entries) {
    RETURN_IF_ERROR(AddContext(AddEntry(entry, shared, base, prompts),
                               absl::StrCat("prompt ", prompts.size() + 1)));
  }
  return prompts;
}

absl::StatusOr<std::vector<PreviewPrompt>> FromJson(const std::string& text,
                                                    const PreviewPrompt& base) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) {
    return absl::InvalidArgumentError("must be a JSON list of prompts");
  }
  return FromEntries(json, Json::object(), base);
}

Json TableToJson(const toml::table& table) {
  Json json = Json::object();
  for (const auto& [key, node] : table) {
    if (const auto* text = node.as_string())
      json[std::string(key.str())] = text->get();
    if (const auto* whole = node.as_integer())
      json[std::string(key.str())] = whole->get();
    if (const auto* number = node.as_floating_point())
      json[std::string(key.str())] = number->get();
  }
  return json;
}

absl::StatusOr<std::vector<PreviewPrompt>> FromToml(const std::string& text,
                                                    const PreviewPrompt& base) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(
        absl::StrCat("line ", error.source().begin.line, ": ",
                     std::string(error.description())));
  }
  const toml::table file = std::move(parsed).table();
  const toml::table* prompt = file["prompt"].as_table();
  const toml::array* subsets =
      prompt == nullptr ? nullptr : (*prompt)["subset"].as_array();
  if (subsets == nullptr) {
    return absl::InvalidArgumentError("must have [[prompt.subset]] tables");
  }
  Json entries = Json::array();
  for (const toml::node& node : *subsets) {
    const toml::table* subset = node.as_table();
    entries.push_back(subset == nullptr ? Json() : TableToJson(*subset));
  }
  return FromEntries(entries, TableToJson(*prompt), base);
}

}  // namespace

absl::StatusOr<PreviewPrompt> ParsePromptLine(absl::string_view line,
                                              const PreviewPrompt& base) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, " --");
  PreviewPrompt prompt = base;
  prompt.prompt = std::string(absl::StripAsciiWhitespace(parts.front()));
  for (size_t i = 1; i < parts.size(); ++i) {
    RETURN_IF_ERROR(ApplyFlag(absl::StripAsciiWhitespace(parts[i]), prompt));
  }
  return prompt;
}

absl::StatusOr<std::vector<PreviewPrompt>> ReadPromptFile(
    const std::string& path, const PreviewPrompt& base) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const std::string lower = absl::AsciiStrToLower(path);
  absl::StatusOr<std::vector<PreviewPrompt>> prompts;
  if (absl::EndsWith(lower, ".json")) {
    prompts = FromJson(text, base);
  } else if (absl::EndsWith(lower, ".toml")) {
    prompts = FromToml(text, base);
  } else if (absl::EndsWith(lower, ".txt")) {
    prompts = FromLines(text, base);
  } else {
    prompts = absl::InvalidArgumentError("must end in .txt, .toml or .json");
  }
  if (!prompts.ok()) {
    return AddContext(prompts.status(), absl::StrCat("sample_prompts ", path));
  }
  return prompts;
}

}  // namespace atelier::trainer
