#include "trainer/checkpoint/safetensors_json.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace atelier::trainer {
namespace {

constexpr char kMetadataKey[] = "__metadata__";

// Takes the events of the JSON parser; the only nesting it lets pass is the
// format's.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsJson result;
  std::string error;

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a truth value"); }
  bool number_float(double, const std::string& text) override {
    return Unexpected(absl::StrCat("the number ", text));
  }
  bool number_integer(int64_t value) override {
    return Unexpected(absl::StrCat("the number ", value));
  }
  bool number_unsigned(uint64_t value) override {
    if (place_ == Place::kShape) {
      result.entries[name_].shape.push_back(value);
      return true;
    }
    if (place_ == Place::kOffsets) {
      result.entries[name_].offsets.push_back(value);
      return true;
    }
    return Unexpected(absl::StrCat("the number ", value));
  }
  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      result.metadata[field_] = value;
      return true;
    }
    if (place_ != Place::kTensor || field_ != "dtype") {
      return Unexpected("a text");
    }
    result.entries[name_].dtype = value;
    result.entries[name_].has_dtype = true;
    return true;
  }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool start_object(size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = name_ == kMetadataKey ? Place::kMetadata : Place::kTensor;
    } else {
      return Unexpected("an object");
    }
    return true;
  }
  bool end_object() override {
    place_ = place_ == Place::kTop ? Place::kEnd : Place::kTop;
    return true;
  }
  bool start_array(size_t) override {
    if (place_ == Place::kTensor && field_ == "shape") {
      place_ = Place::kShape;
      result.entries[name_].has_shape = true;
    } else if (place_ == Place::kTensor && field_ == "data_offsets") {
      place_ = Place::kOffsets;
      result.entries[name_].has_offsets = true;
    } else {
      return Unexpected("a list");
    }
    return true;
  }
  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }
  bool key(std::string& value) override {
    if (place_ == Place::kTop) return TakeName(value);
    field_ = value;
    if (place_ == Place::kMetadata) {
      return result.metadata.emplace(value, "").second ||
             Fail(absl::StrCat("metadata key '", value, "' stands twice"));
    }
    const SafetensorsEntry& entry = result.entries[name_];
    if ((value == "dtype" && entry.has_dtype) ||
        (value == "shape" && entry.has_shape) ||
        (value == "data_offsets" && entry.has_offsets)) {
      return Fail(
          absl::StrCat("tensor '", name_, "' has two fields '", value, "'"));
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& cause) override {
    // "[json.exception…] parse error at …: REASON; last read: '…'", where the
    // end may quote raw bytes.
    std::string text = cause.what();
    text = text.substr(0, text.find("; last read"));
    const size_t reason = text.find(": ");
    if (reason != std::string::npos) text = text.substr(reason + 2);
    return Fail(absl::StrCat("header is not valid JSON at its byte ", position,
                             ": ", text));
  }

 private:
  enum class Place {
    kStart,
    kTop,
    kMetadata,
    kTensor,
    kShape,
    kOffsets,
    kEnd,
  };

  bool TakeName(const std::string& value) {
    name_ = value;
    field_.clear();
    if (value == kMetadataKey) {
      if (seen_metadata_) return Fail("__metadata__ stands twice");
      seen_metadata_ = true;
      return true;
    }
    return result.entries.emplace(value, SafetensorsEntry()).second ||
           Fail(absl::StrCat("tensor '", value, "' stands twice"));
  }

  bool Fail(std::string message) {
    error = std::move(message);
    return false;
  }

  bool Unexpected(absl::string_view found) {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return Fail(absl::StrCat("header is ", found, ", expected an object"));
      case Place::kTop:
        return Fail(absl::StrCat("entry '", name_, "' is ", found,
                                 ", expected an object"));
      case Place::kMetadata:
        return Fail(absl::StrCat("metadata '", field_, "' is ", found,
                                 ", expected a text"));
      case Place::kTensor:
        return Fail(absl::StrCat(
            "tensor '", name_, "': field '", field_, "' is ", found,
            ", expected dtype (text), shape and data_offsets (lists)"));
      case Place::kShape:
        return Fail(absl::StrCat("tensor '", name_, "': shape holds ", found,
                                 ", expected whole numbers from 0"));
      case Place::kOffsets:
        return Fail(absl::StrCat("tensor '", name_, "': data_offsets hold ",
                                 found, ", expected whole numbers from 0"));
    }
    return Fail("header is malformed");
  }

  Place place_ = Place::kStart;
  std::string name_;
  std::string field_;
  bool seen_metadata_ = false;
};

}  // namespace

absl::StatusOr<SafetensorsJson> ParseSafetensorsJson(absl::string_view text) {
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) {
    return absl::InvalidArgumentError(reader.error);
  }
  return std::move(reader.result);
}

}  // namespace atelier::trainer
