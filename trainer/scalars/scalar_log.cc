#include "trainer/scalars/scalar_log.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/scalars/csv_writer.h"
#include "trainer/scalars/event_file_writer.h"
#include "trainer/scalars/jsonl_writer.h"
#include "trainer/scalars/run_folder.h"

namespace atelier::trainer {

absl::StatusOr<std::unique_ptr<ScalarLog>> ScalarLog::Open(
    ScalarLogOptions options, EventSink& next) {
  std::error_code error;
  std::filesystem::create_directories(options.logging_dir, error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat("logging_dir ", options.logging_dir,
                     " cannot be made: ", error.message()));
  }
  return absl::WrapUnique(new ScalarLog(std::move(options), next));
}

void ScalarLog::Send(Event event) {
  std::optional<Event> warning;
  {
    const absl::MutexLock lock(&mutex_);
    const absl::Status written = has_failed_ ? absl::OkStatus() : Take(event);
    if (!written.ok()) {
      has_failed_ = true;
      warning = Event{event.step,
                      Warning{absl::StrCat("scalars are no longer written: ",
                                           written.message())}};
    }
  }
  next_.Send(std::move(event));
  if (warning.has_value()) next_.Send(*std::move(warning));
}

absl::Status ScalarLog::Take(const Event& event) {
  if (std::holds_alternative<Resumed>(event.kind)) {
    is_resumed_ = true;
    last_step_ = event.step;
    return writers_.empty() ? absl::OkStatus() : RewindTo(event.step);
  }
  const bool is_step = std::holds_alternative<StepDone>(event.kind);
  if (!is_step && !std::holds_alternative<Validated>(event.kind)) {
    return absl::OkStatus();
  }
  if (writers_.empty()) RETURN_IF_ERROR(OpenWriters());
  // Steps that are done again: the run went back.
  if (is_step && event.step <= last_step_) {
    RETURN_IF_ERROR(RewindTo(event.step - 1));
  }
  for (const ScalarRow& row : rows_.Take(event, Now())) {
    RETURN_IF_ERROR(Write(row));
  }
  if (is_step) last_step_ = event.step;
  return absl::OkStatus();
}

absl::Status ScalarLog::OpenWriters() {
  std::optional<std::string> folder;
  if (is_resumed_) {
    folder = FindRunFolder(options_.logging_dir, options_.output_dir);
  }
  if (!folder.has_value()) {
    ASSIGN_OR_RETURN(folder,
                     MakeRunFolder(options_.logging_dir, options_.log_prefix,
                                   options_.output_dir, options_.now()));
  }
  const bool all = options_.log_with == "all";
  if (all || options_.log_with == "tensorboard") {
    ASSIGN_OR_RETURN(auto writer, OpenEventFile(*folder, Now()));
    writers_.push_back(std::move(writer));
  }
  if (all || options_.log_with == "csv") {
    ASSIGN_OR_RETURN(auto writer, OpenCsv(*folder));
    writers_.push_back(std::move(writer));
  }
  if (all || options_.log_with == "jsonl") {
    ASSIGN_OR_RETURN(auto writer, OpenJsonl(*folder));
    writers_.push_back(std::move(writer));
  }
  return is_resumed_ ? RewindTo(last_step_) : absl::OkStatus();
}

absl::Status ScalarLog::RewindTo(int64_t step) {
  rows_.Jump();
  for (const auto& writer : writers_) RETURN_IF_ERROR(writer->Rewind(step));
  return absl::OkStatus();
}

absl::Status ScalarLog::Write(const ScalarRow& row) {
  for (const auto& writer : writers_) RETURN_IF_ERROR(writer->Write(row));
  return absl::OkStatus();
}

}  // namespace atelier::trainer
