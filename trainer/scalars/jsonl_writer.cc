#include "trainer/scalars/jsonl_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/scalars/append_file.h"

namespace atelier::trainer {
namespace {

class JsonlWriter : public ScalarWriter {
 public:
  explicit JsonlWriter(AppendFile file) : file_(std::move(file)) {}

  absl::Status Write(const ScalarRow& row) override {
    nlohmann::ordered_json json = {{"step", row.step},
                                   {"epoch", row.epoch},
                                   {"wall_time", row.wall_seconds}};
    for (const auto& [tag, value] : row.values) json[tag] = value;
    return file_.Append(absl::StrCat(json.dump(), "\n"));
  }

  absl::Status Rewind(int64_t step) override {
    return file_.KeepLines([step](absl::string_view line) {
      const nlohmann::json json =
          nlohmann::json::parse(line.begin(), line.end(), nullptr,
                                /*allow_exceptions=*/false);
      return json.is_object() && json.contains("step") &&
             json["step"].is_number_integer() &&
             json["step"].get<int64_t>() <= step;
    });
  }

 private:
  AppendFile file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenJsonl(
    const std::string& folder) {
  ASSIGN_OR_RETURN(AppendFile file,
                   AppendFile::Open(absl::StrCat(folder, "/scalars.jsonl")));
  return std::make_unique<JsonlWriter>(std::move(file));
}

}  // namespace atelier::trainer
