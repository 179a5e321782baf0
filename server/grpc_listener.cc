#include "server/grpc_listener.h"

#include <pwd.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"

namespace atelier::server {
namespace {

// Streams of one connection at the same time.
constexpr int kMaxStreams = 1024;
constexpr int kMaxMessageBytes = 4 << 20;

std::string UserName(uid_t uid) {
  char buffer[4096];
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 &&
      found != nullptr)
    return found->pw_name;
  return absl::StrCat(uid);
}

}  // namespace

GrpcListener::GrpcListener(GrpcListenerOptions options)
    : options_(std::move(options)) {}

GrpcListener::~GrpcListener() { Stop(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Listen(
    const GrpcListenerOptions& options) {
  const std::string& path = options.socket_path;
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return absl::InvalidArgumentError(absl::StrCat(
        "the socket's path has ", path.size(), " bytes, at most ",
        sizeof(sockaddr_un::sun_path) - 1, " are possible: ", path));
  std::unique_ptr<GrpcListener> listener(new GrpcListener(options));
  grpc::EnableDefaultHealthCheckService(options.is_public);
  if (options.is_public)
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr)
    return absl::UnavailableError(absl::StrCat("cannot listen on ", path));
  if (chmod(path.c_str(), options.mode) != 0)
    return absl::UnavailableError(absl::StrCat("cannot set the mode of ", path,
                                               ": ", std::strerror(errno)));
  return listener;
}

std::string GrpcListener::UserOf(const std::string&) const {
  return UserName(getuid());
}

void GrpcListener::Stop(absl::Duration limit) {
  if (server_ == nullptr) return;
  if (auto* health = server_->GetHealthCheckService())
    health->SetServingStatus(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + limit));
  server_->Wait();
  server_.reset();
}

}  // namespace atelier::server
