#include "trainer/tensor/catch_torch.h"

#include <new>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {
namespace {

constexpr char kDetailsUrl[] = "atelier/torch_error";

absl::Status WithDetails(absl::Status status, const char* details) {
  status.SetPayload(kDetailsUrl, absl::Cord(details));
  return status;
}

// The CPU allocator says "you tried to allocate N bytes".
std::string HostMemoryMessage(const std::string& text) {
  constexpr absl::string_view kMark = "tried to allocate ";
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  std::string message = "the host's memory ran out";
  const absl::string_view all = text;
  const size_t start = all.find(kMark);
  if (start != absl::string_view::npos) {
    const absl::string_view rest = all.substr(start + kMark.size());
    int64_t bytes = 0;
    if (absl::SimpleAtoi(rest.substr(0, rest.find(' ')), &bytes)) {
      message += absl::StrFormat(": could not allocate %d bytes (%.2f GiB)",
                                 bytes, static_cast<double>(bytes) / kGibibyte);
    }
  }
  return message +
         "; use a smaller batch or resolution, gradient_checkpointing, or a "
         "machine with more memory";
}

absl::Status FromTorchError(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  if (absl::StrContains(text, "DefaultCPUAllocator")) {
    return WithDetails(absl::ResourceExhaustedError(HostMemoryMessage(text)),
                       error.what());
  }
  return WithDetails(absl::InternalError(text), error.what());
}

}  // namespace

absl::Status CatchTorch(absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    return WithDetails(
        absl::ResourceExhaustedError(absl::StrCat(
            "the device's memory ran out: ", error.what_without_backtrace())),
        error.what());
  } catch (const c10::Error& error) {
    return FromTorchError(error);
  } catch (const std::bad_alloc& error) {
    return WithDetails(absl::ResourceExhaustedError(HostMemoryMessage("")),
                       error.what());
  } catch (const std::exception& error) {
    return WithDetails(
        absl::UnknownError(absl::StrCat("unexpected failure: ", error.what())),
        error.what());
  } catch (...) {
    return absl::UnknownError("unexpected failure of unknown kind");
  }
}

std::string TorchErrorDetails(const absl::Status& status) {
  const absl::optional<absl::Cord> details = status.GetPayload(kDetailsUrl);
  return details.has_value() ? std::string(*details) : std::string();
}

}  // namespace atelier::trainer
