// The bytes of a pickle, taken from the front.
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {

// Errors of all: INVALID_ARGUMENT when the bytes end before.
class PickleStream {
 public:
  explicit PickleStream(absl::string_view bytes) : bytes_(bytes) {}

  size_t used() const { return at_; }

  absl::StatusOr<absl::string_view> Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      return absl::InvalidArgumentError("the pickle is cut off");
    }
    const absl::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  absl::Status Skip(uint64_t size) { return Take(size).status(); }

  template <typename T>
  absl::StatusOr<T> Number() {
    ASSIGN_OR_RETURN(const absl::string_view bytes, Take(sizeof(T)));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  absl::StatusOr<absl::string_view> Line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError("the pickle is cut off");
    }
    const absl::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

 private:
  absl::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace atelier::trainer
