#include "trainer/data/config/key_values.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace atelier::trainer {

std::string Found(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return absl::StrCat("the text \"", text->get(), "\"");
  }
  if (const auto* number = node.as_integer())
    return absl::StrCat(number->get());
  if (const auto* number = node.as_floating_point()) {
    return absl::StrCat(number->get());
  }
  if (const auto* flag = node.as_boolean())
    return flag->get() ? "true" : "false";
  if (node.is_array()) return "a list";
  return node.is_table() ? "a table" : "a date or time";
}

std::string ReadResolution(const toml::node& node, OptionsPair options) {
  int64_t width = 0;
  int64_t height = 0;
  if (const auto* side = node.as_integer()) {
    width = height = side->get();
  } else if (const auto* sides = node.as_array();
             sides != nullptr && sides->size() == 2 &&
             (*sides)[0].is_integer() && (*sides)[1].is_integer()) {
    width = (*sides)[0].as_integer()->get();
    height = (*sides)[1].as_integer()->get();
  } else {
    return absl::StrCat("expected SIZE or [WIDTH, HEIGHT] in pixels, found ",
                        Found(node));
  }
  constexpr int64_t kMax = 32768;
  if (width < 1 || width > kMax || height < 1 || height > kMax) {
    return absl::StrCat("is ", width, "x", height, "; sides are 1 to ", kMax,
                        " pixels");
  }
  options.dataset->width = static_cast<int>(width);
  options.dataset->height = static_cast<int>(height);
  return "";
}

std::string ReadInterpolation(const toml::node& node, OptionsPair options) {
  constexpr absl::string_view kNames =
      "lanczos nearest bilinear linear bicubic cubic area box";
  const auto* text = node.as_string();
  if (text == nullptr ||
      !absl::StrContains(absl::StrCat(" ", kNames, " "),
                         absl::StrCat(" ", text->get(), " "))) {
    return absl::StrCat("expected one of ", kNames, ", found ", Found(node));
  }
  options.subset->resize_interpolation = text->get();
  return "";
}

std::string ReadSeparator(const toml::node& node, OptionsPair options) {
  const auto* text = node.as_string();
  if (text == nullptr || text->get().empty()) {
    return absl::StrCat("expected a text of one character or more, found ",
                        Found(node));
  }
  options.subset->caption.separator = text->get();
  return "";
}

bool IsFaceCropRange(double min, double max) {
  return min > 0 && min <= max && max <= 1000;
}

std::string ReadFaceCropRange(const toml::node& node, OptionsPair options) {
  const toml::array* ends = node.as_array();
  if (ends == nullptr || ends->size() != 2 || !(*ends)[0].is_number() ||
      !(*ends)[1].is_number()) {
    return absl::StrCat(
        "expected [MIN, MAX], the crop's side over the face's, found ",
        Found(node));
  }
  const double min = (*ends)[0].value<double>().value_or(0);
  const double max = (*ends)[1].value<double>().value_or(0);
  if (!IsFaceCropRange(min, max)) {
    return absl::StrCat("is [", min, ", ", max,
                        "]; must be above 0, at most 1000, and ascending");
  }
  options.subset->face_crop = FaceCropRange{min, max};
  return "";
}

std::string ReadValidationSplit(const toml::node& node, OptionsPair options) {
  const auto split = node.value<double>();
  if (!node.is_number() || !split.has_value()) {
    return absl::StrCat("expected a number, found ", Found(node));
  }
  if (!(*split >= 0 && *split < 1)) {
    return absl::StrCat("is ", *split, "; must be at least 0 and below 1");
  }
  options.dataset->validation_split = *split;
  return "";
}

std::string ReadValidationSeed(const toml::node& node, OptionsPair options) {
  const auto* seed = node.as_integer();
  if (seed == nullptr || seed->get() < 0) {
    return absl::StrCat("expected a whole number of at least 0, found ",
                        Found(node));
  }
  options.dataset->validation_seed = seed->get();
  return "";
}

std::string PassNumber(const toml::node& node, OptionsPair) {
  if (node.is_number()) return "";
  return absl::StrCat("expected a number, found ", Found(node));
}

std::string PassFlag(const toml::node& node, OptionsPair) {
  if (node.is_boolean()) return "";
  return absl::StrCat("expected true or false, found ", Found(node));
}

std::string PassTable(const toml::node& node, OptionsPair) {
  if (node.is_table()) return "";
  return absl::StrCat("expected a table, found ", Found(node));
}

}  // namespace atelier::trainer
