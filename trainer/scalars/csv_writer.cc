#include "trainer/scalars/csv_writer.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "proto/cc/status_macros.h"
#include "trainer/scalars/append_file.h"

namespace atelier::trainer {
namespace {

constexpr char kCsvHeader[] = "wall_time,step,epoch,tag,value";

class CsvWriter : public ScalarWriter {
 public:
  explicit CsvWriter(AppendFile file) : file_(std::move(file)) {}

  absl::Status Write(const ScalarRow& row) override {
    std::string lines =
        file_.is_new() && !has_header_ ? absl::StrCat(kCsvHeader, "\n") : "";
    has_header_ = true;
    for (const auto& [tag, value] : row.values) {
      absl::StrAppendFormat(&lines, "%.3f,%d,%d,%s,%.9g\n", row.wall_seconds,
                            row.step, row.epoch, tag, value);
    }
    return file_.Append(lines);
  }

  absl::Status Rewind(int64_t step) override {
    RETURN_IF_ERROR(file_.KeepLines([step](absl::string_view line) {
      const std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
      int64_t line_step = 0;
      return line == kCsvHeader ||
             (fields.size() == 5 && absl::SimpleAtoi(fields[1], &line_step) &&
              line_step <= step);
    }));
    has_header_ = !file_.is_new();
    return absl::OkStatus();
  }

 private:
  AppendFile file_;
  bool has_header_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenCsv(
    const std::string& folder) {
  ASSIGN_OR_RETURN(AppendFile file,
                   AppendFile::Open(absl::StrCat(folder, "/scalars.csv")));
  return std::make_unique<CsvWriter>(std::move(file));
}

}  // namespace atelier::trainer
