// WorkerService: the daemon's ear for its workers.
#pragma once

#include <utility>

#include "atelier/v1/worker.grpc.pb.h"
#include "server/api/worker_attachment.h"

namespace atelier::server {

class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  // What both refer to outlives the service.
  WorkerServiceImpl(const CallContext& context, WorkerServiceParts parts)
      : context_(context), parts_(std::move(parts)) {}

  WorkerAttachment::Reactor* Attach(grpc::CallbackServerContext*) override {
    return WorkerAttachment::Start(context_, parts_);
  }

 private:
  const CallContext context_;
  const WorkerServiceParts parts_;
};

}  // namespace atelier::server
