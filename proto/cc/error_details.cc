#include "proto/cc/error_details.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"

#include "proto/cc/reasons.h"
#include "proto/cc/utf8.h"

namespace atelier {
namespace {

// The payload's key is the type URL that google.protobuf.Any has on the wire.
template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/",
                      Detail::descriptor()->full_name());
}

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload = status.GetPayload(TypeUrl<Detail>());
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) {
    return Detail();
  }
  return detail;
}

template <typename Detail>
void SetDetail(const Detail& detail, absl::Status* status) {
  status->SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view message,
                       const ErrorMetadata& metadata) {
  absl::Status status(code, message);
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(reasons::kDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[ToUtf8(key)] = ToUtf8(value);
  }
  SetDetail(info, &status);
  return status;
}

absl::Status MakeBadRequest(absl::Span<const Violation> violations) {
  return MakeBadRequest(reasons::kInvalidOptions, violations);
}

absl::Status MakeBadRequest(absl::string_view reason,
                            absl::Span<const Violation> violations) {
  if (violations.empty()) return absl::OkStatus();
  google::rpc::BadRequest request;
  for (const Violation& violation : violations) {
    auto* field = request.add_field_violations();
    field->set_field(ToUtf8(violation.field));
    field->set_description(ToUtf8(violation.message));
  }
  std::string message = absl::StrJoin(
      violations, "; ", [](std::string* out, const Violation& violation) {
        absl::StrAppend(out, violation.message);
      });
  if (violations.size() > 1) {
    message = absl::StrCat(violations.size(), " problems: ", message);
  }
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, reason, message);
  SetDetail(request, &status);
  return status;
}

absl::Status MakeQuotaError(const QuotaViolation& violation) {
  absl::Status status = MakeError(absl::StatusCode::kResourceExhausted,
                                  violation.reason, violation.message);
  google::rpc::QuotaFailure failure;
  auto* detail = failure.add_violations();
  detail->set_subject(ToUtf8(violation.subject));
  detail->set_description(ToUtf8(violation.message));
  SetDetail(failure, &status);
  if (violation.retry_after <= absl::ZeroDuration()) return status;
  google::rpc::RetryInfo retry;
  const int64_t nanos = absl::ToInt64Nanoseconds(violation.retry_after);
  retry.mutable_retry_delay()->set_seconds(nanos / 1000000000);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(nanos % 1000000000));
  SetDetail(retry, &status);
  return status;
}

absl::Duration RetryDelay(const absl::Status& status) {
  const auto delay = DetailOf<google::rpc::RetryInfo>(status).retry_delay();
  return absl::Seconds(delay.seconds()) + absl::Nanoseconds(delay.nanos());
}

std::string ErrorReason(const absl::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status).reason();
}

ErrorMetadata MetadataOf(const absl::Status& status) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  return {info.metadata().begin(), info.metadata().end()};
}

std::vector<Violation> ViolationsOf(const absl::Status& status) {
  std::vector<Violation> violations;
  const auto request = DetailOf<google::rpc::BadRequest>(status);
  for (const auto& field : request.field_violations()) {
    violations.push_back({field.field(), field.description()});
  }
  return violations;
}

}  // namespace atelier
