#include "server/access/rights.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

#include "atelier/v1/access.pb.h"
#include "atelier/v1/device.pb.h"
#include "atelier/v1/job.pb.h"
#include "atelier/v1/schedule.pb.h"
#include "atelier/v1/server.pb.h"
#include "atelier/v1/worker.pb.h"

namespace atelier::server {
namespace {

// Every method of the contract's files. A new file of services goes in here:
// generic code that serves it without rights is refused by the gate anyway.
std::multiset<std::string> ServedMethods() {
  const google::protobuf::FileDescriptor* files[] = {
      v1::WhoAmIRequest::descriptor()->file(),
      v1::Job::descriptor()->file(),
      v1::GetServerInfoRequest::descriptor()->file(),
      v1::ListDevicesRequest::descriptor()->file(),
      v1::ExplainJobRequest::descriptor()->file(),
      v1::AttachRequest::descriptor()->file()};
  std::multiset<std::string> names;
  for (const auto* file : files)
    for (int i = 0; i < file->service_count(); ++i)
      for (int k = 0; k < file->service(i)->method_count(); ++k)
        names.insert(file->service(i)->method(k)->name());
  return names;
}

TEST(RightsTest, EveryRpcHasExactlyOneRowAndEveryRowAnRpc) {
  std::multiset<std::string> rows;
  for (const RightsRow& row : AllRights()) rows.emplace(row.method);
  EXPECT_EQ(rows, ServedMethods());
}

TEST(RightsTest, WhatChangesSomethingIsWrittenDown) {
  for (const char* method :
       {"SubmitJob", "CancelJob", "HoldJob", "Drain", "CreateToken"})
    EXPECT_TRUE(IsChange(FindRights(method)->right)) << method;
  for (const char* method : {"GetJob", "WatchJob", "WhoAmI"})
    EXPECT_FALSE(IsChange(FindRights(method)->right)) << method;
}

TEST(RightsTest, UnknownMethodsHaveNoRow) {
  EXPECT_EQ(FindRights("DropDatabase"), nullptr);
}

}  // namespace
}  // namespace atelier::server
