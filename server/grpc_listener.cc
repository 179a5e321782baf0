#include "server/grpc_listener.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_posix.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

// Streams of one connection at the same time.
constexpr int kMaxStreams = 1024;
constexpr int kMaxMessageBytes = 4 << 20;

std::unique_ptr<grpc::Server> MakeServer(const GrpcListenerOptions& options) {
  grpc::EnableDefaultHealthCheckService(options.is_public);
  if (options.is_public)
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  return builder.BuildAndStart();
}

}  // namespace

GrpcListener::~GrpcListener() { Stop(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Listen(
    const GrpcListenerOptions& options) {
  std::unique_ptr<GrpcListener> listener(new GrpcListener());
  listener->server_ = MakeServer(options);
  if (listener->server_ == nullptr)
    return absl::UnavailableError(
        absl::StrCat("gRPC does not start for ", options.socket_path));
  ASSIGN_OR_RETURN(listener->socket_,
                   PeerSocket::Listen(options.socket_path, options.mode));
  return listener;
}

void GrpcListener::Start() {
  socket_->Start([server = server_.get()](int fd) {
    grpc::AddInsecureChannelFromFd(server, fd);
  });
}

std::string GrpcListener::UserOf(const std::string& peer) const {
  return socket_->UserOf(peer);
}

void GrpcListener::Stop(absl::Duration limit) {
  if (socket_ != nullptr) socket_->Stop();
  if (server_ == nullptr) return;
  if (auto* health = server_->GetHealthCheckService())
    health->SetServingStatus(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + limit));
  server_->Wait();
  server_.reset();
}

}  // namespace atelier::server
