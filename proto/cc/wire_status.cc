#include "proto/cc/wire_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

#include "proto/cc/utf8.h"

namespace atelier {
namespace {

// gRPC takes 8 KiB of metadata. The message stands there twice, once percent-
// encoded (up to three bytes for one), once in the details, which are base64
// (four for three): 3 × 1 KiB + 4/3 × 3 KiB leaves 1 KiB for the rest.
constexpr size_t kMessageLimitBytes = 1024;
constexpr size_t kDetailsLimitBytes = 3072;
constexpr absl::string_view kDetailPrefix = "type.googleapis.com/google.rpc.";
constexpr absl::string_view kErrorInfo =
    "type.googleapis.com/google.rpc.ErrorInfo";

// Drops field violations from the end until the whole fits, then details. The
// first detail is the ErrorInfo: it stays, if need be without its metadata.
void FitDetails(google::rpc::Status* status) {
  for (auto& any : *status->mutable_details()) {
    google::rpc::BadRequest request;
    if (!any.Is<google::rpc::BadRequest>() || !any.UnpackTo(&request)) continue;
    while (status->ByteSizeLong() > kDetailsLimitBytes &&
           request.field_violations_size() > 1) {
      request.mutable_field_violations()->RemoveLast();
      any.PackFrom(request);
    }
  }
  while (status->ByteSizeLong() > kDetailsLimitBytes &&
         status->details_size() > 1) {
    status->mutable_details()->RemoveLast();
  }
  google::rpc::ErrorInfo info;
  if (status->ByteSizeLong() <= kDetailsLimitBytes ||
      !status->details(0).UnpackTo(&info)) {
    return;
  }
  info.clear_metadata();
  status->mutable_details(0)->PackFrom(info);
}

void AddDetail(absl::string_view url, const absl::Cord& payload,
               google::rpc::Status* status) {
  auto* any = status->add_details();
  any->set_type_url(std::string(url));
  any->set_value(std::string(payload));
}

absl::Status WithReason(const absl::Status& status) {
  if (!ErrorReason(status).empty()) return status;
  absl::Status result = MakeError(
      status.code(), absl::StatusCodeToString(status.code()), status.message());
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(CutUtf8(ToUtf8(status.message()), kMessageLimitBytes));
  const absl::Status complete = WithReason(status);
  AddDetail(kErrorInfo, *complete.GetPayload(kErrorInfo), &wire);
  complete.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) {
        if (!absl::StartsWith(url, kDetailPrefix) || url == kErrorInfo) return;
        AddDetail(url, payload, &wire);
      });
  FitDetails(&wire);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      wire.message(), wire.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  google::rpc::Status wire;
  if (!wire.ParseFromString(status.error_details())) return result;
  for (const auto& any : wire.details()) {
    if (!absl::StartsWith(any.type_url(), kDetailPrefix)) continue;
    result.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return result;
}

}  // namespace atelier
