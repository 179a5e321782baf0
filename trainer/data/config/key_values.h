// Values of a dataset description that are more than a text, a number or a
// flag. Each reader puts one into the options and returns what is wrong with
// it, or nothing.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "proto/cc/toml.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

// Where values of one table go.
struct OptionsPair {
  DatasetOptions* dataset;
  SubsetOptions* subset;
};

using ValueReader = std::string (*)(const toml::node& node,
                                    OptionsPair options);

// The value in words, for "expected …, found …".
std::string Found(const toml::node& node);

std::string ReadResolution(const toml::node& node, OptionsPair options);
std::string ReadInterpolation(const toml::node& node, OptionsPair options);
std::string ReadSeparator(const toml::node& node, OptionsPair options);
std::string ReadFaceCropRange(const toml::node& node, OptionsPair options);
std::string ReadValidationSplit(const toml::node& node, OptionsPair options);
std::string ReadValidationSeed(const toml::node& node, OptionsPair options);

// Keys without a use: only their type is checked.
std::string PassNumber(const toml::node& node, OptionsPair options);
std::string PassFlag(const toml::node& node, OptionsPair options);
std::string PassTable(const toml::node& node, OptionsPair options);

// Whether two ends are a range of crop sides over face sides.
bool IsFaceCropRange(double min, double max);

}  // namespace atelier::trainer
