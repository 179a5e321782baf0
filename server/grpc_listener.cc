#include "server/grpc_listener.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
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

constexpr absl::string_view kBearer = "Bearer ";

std::string TokenOf(const grpc::ServerContextBase& call) {
  const auto& metadata = call.client_metadata();
  auto found = metadata.find("authorization");
  if (found == metadata.end()) return "";
  absl::string_view value(found->second.data(), found->second.size());
  return absl::ConsumePrefix(&value, kBearer) ? std::string(value) : "";
}

// `bound_port` is where the remote address was taken; 0: nowhere.
std::unique_ptr<grpc::Server> MakeServer(const GrpcListenerOptions& options,
                                         int* bound_port) {
  grpc::EnableDefaultHealthCheckService(options.is_public);
  if (options.is_public)
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  if (!options.remote_address.empty())
    builder.AddListeningPort(options.remote_address, options.remote_credentials,
                             bound_port);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // Two daemons on one port would share the clients.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  return builder.BuildAndStart();
}

}  // namespace

GrpcListener::~GrpcListener() { Stop(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Listen(
    const GrpcListenerOptions& options) {
  std::unique_ptr<GrpcListener> listener(new GrpcListener());
  int port = 0;
  listener->server_ = MakeServer(options, &port);
  if (!options.remote_address.empty() && port == 0)
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.remote_address));
  if (port != 0)
    listener->remote_address_ = absl::StrCat(
        options.remote_address.substr(0, options.remote_address.rfind(':')),
        ":", port);
  if (listener->server_ == nullptr)
    return absl::UnavailableError(
        absl::StrCat("gRPC does not start for ", options.socket_path));
  ASSIGN_OR_RETURN(listener->socket_,
                   PeerSocket::Listen(options.socket_path, options.mode,
                                      options.max_connections));
  return listener;
}

void GrpcListener::Start() {
  socket_->Start([server = server_.get()](int fd) {
    grpc::AddInsecureChannelFromFd(server, fd);
  });
}

CallPeer GrpcListener::PeerOf(const grpc::ServerContextBase& call) const {
  const auto known = socket_->CredentialsOf(call.peer());
  if (!known.has_value()) return RemotePeerOf(call);
  CallPeer peer;
  peer.address = call.peer();
  peer.kind = CallPeer::Kind::kProcess;
  peer.uid = known->uid;
  peer.pid = known->pid;
  return peer;
}

CallPeer RemotePeerOf(const grpc::ServerContextBase& call) {
  CallPeer peer;
  peer.address = call.peer();
  peer.token = TokenOf(call);
  const auto context = call.auth_context();
  if (context == nullptr || !context->IsPeerAuthenticated()) return peer;
  const auto names = context->FindPropertyValues("x509_common_name");
  if (names.empty()) return peer;
  peer.kind = CallPeer::Kind::kCertificate;
  peer.certificate = std::string(names[0].data(), names[0].size());
  return peer;
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
