#include "server/access/rights.h"

namespace atelier::server {
namespace {

constexpr RightsRow kRights[] = {
    // JobService
    {"SubmitJob", Right::kSubmit},
    {"GetJob", Right::kLook},
    {"ListJobs", Right::kLook},
    {"CancelJob", Right::kChangeJob},
    {"WatchJob", Right::kSeeJob},
    {"TailLogs", Right::kSeeJob},
    {"ListArtifacts", Right::kSeeJob},
    {"DownloadArtifact", Right::kSeeJob},
    // ScheduleService
    {"ExplainJob", Right::kSeeJob},
    {"HoldJob", Right::kHoldJob},
    {"ReleaseJob", Right::kHoldJob},
    {"RequeueJob", Right::kChangeJob},
    {"UpdateJob", Right::kChangeJob},
    {"Drain", Right::kOperate},
    {"Resume", Right::kOperate},
    {"ListShares", Right::kLook},
    // DeviceService
    {"ListDevices", Right::kLook},
    {"DrainDevice", Right::kOperate},
    // ServerService
    {"GetServerInfo", Right::kLook},
    // AccessService
    {"WhoAmI", Right::kLook},
    {"ListUsers", Right::kLook},
    {"CreateToken", Right::kAdminister},
    {"ListTokens", Right::kAdminister},
    {"RevokeToken", Right::kAdminister},
    {"ListAuditEntries", Right::kAdminister},
    // WorkerService
    {"Attach", Right::kWorker},
};

}  // namespace

absl::Span<const RightsRow> AllRights() { return kRights; }

const RightsRow* FindRights(absl::string_view method) {
  for (const RightsRow& row : kRights)
    if (row.method == method) return &row;
  return nullptr;
}

bool NeedsJob(Right right) {
  return right == Right::kSeeJob || right == Right::kChangeJob ||
         right == Right::kHoldJob;
}

bool IsChange(Right right) {
  switch (right) {
    case Right::kSubmit:
    case Right::kChangeJob:
    case Right::kHoldJob:
    case Right::kOperate:
    case Right::kAdminister:
      return true;
    case Right::kLook:
    case Right::kSeeJob:
    case Right::kWorker:
      return false;
  }
  return true;
}

}  // namespace atelier::server
