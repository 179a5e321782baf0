// Commands converted in a made-up folder /train, whose files are in a map.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

#include "client/sd_scripts/conversion.h"
#include "client/sd_scripts/option_row.h"
#include "client/sd_scripts/surroundings.h"
#include "proto/cc/options_schema.h"

namespace atelier::client::sd_scripts {

class SdScriptsTest : public ::testing::Test {
 protected:
  Surroundings Around() {
    return {"/train",
            [this](const char* name) {
              const auto found = variables_.find(name);
              return found == variables_.end() ? "" : found->second;
            },
            [this](const std::string& path) -> absl::StatusOr<std::string> {
              const auto found = files_.find(path);
              if (found == files_.end()) return absl::NotFoundError("no file");
              return found->second;
            },
            [this](const std::string& path) { return files_.count(path) > 0; }};
  }

  absl::StatusOr<Conversion> Text(const std::string& text) {
    return ConvertText(text, Around());
  }

  // `sdxl_train.py --pretrained_model_name_or_path m.safetensors …`, with as
  // many images as it takes.
  absl::StatusOr<Conversion> Options(const std::string& script,
                                     const std::string& options) {
    return Text(script +
                " --pretrained_model_name_or_path m.safetensors "
                "--dataset_config d.toml " +
                options);
  }

  static std::string ValueOf(const v1::TrainingConfig& training,
                             const std::string& name) {
    const Option* option = FindOption(name);
    if (option == nullptr) return "no such option";
    const auto append = [](std::string* out, const OptionValue& value) {
      out->append(ValueText(value));
    };
    return absl::StrJoin(OptionValues(*option, training), " ", append);
  }

  static std::string ValueOf(const absl::StatusOr<Conversion>& conversion,
                             const std::string& name) {
    return conversion.ok() ? ValueOf(conversion->spec.training(), name)
                           : conversion.status().ToString();
  }

  // `ignored: REASON`, of the one that was given so; empty where there is none.
  static std::string FateOf(const absl::StatusOr<Conversion>& conversion,
                            const std::string& given) {
    if (!conversion.ok()) return conversion.status().ToString();
    for (const Disposition& each : conversion->dispositions) {
      const bool is_it = each.does == Does::kDefault ? each.option == given
                                                     : each.given == given;
      if (is_it) return std::string(DoesName(each.does)) + ": " + each.reason;
    }
    return "";
  }

  std::map<std::string, std::string> variables_;
  std::map<std::string, std::string> files_;
};

}  // namespace atelier::client::sd_scripts
