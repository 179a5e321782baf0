#include "trainer/train/course.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(BatchPosition, epoch, index)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Course, ended_epoch, usual,
                                                loss_ratios, grad_norms, ledger,
                                                validation, diversity, warned,
                                                left_out, rollbacks)

nlohmann::json CourseToJson(const Course& course) { return course; }

absl::StatusOr<Course> CourseFromJson(const nlohmann::json& json) {
  // The library's conversions have no other way to say no.
  try {
    return json.get<Course>();
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(
        absl::StrCat("the course of the run cannot be read: ", error.what()));
  }
}

}  // namespace atelier::trainer
