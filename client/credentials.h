// What the client proves itself with to a daemon on another machine, from the
// environment:
//
//   ATELIER_TOKEN_FILE   a token (atelier admin token create), first line
//   ATELIER_TLS_CA       PEM; who signed the daemon's certificate, where that
//                        is nobody that this machine knows
//   ATELIER_TLS_CERT, ATELIER_TLS_KEY   PEM; the user's own certificate
//
// On a Unix socket nothing is needed: the kernel says who calls.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/channel_arguments.h"

#include "client/context.h"

namespace atelier::client {

struct Credentials {
  // Empty: none.
  std::string token;
  // Contents, not paths.
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
};

// Blocks: reads files. Errors: INVALID_ARGUMENT naming variable and file, and
// for a file of a token that others may read.
absl::StatusOr<Credentials> ReadCredentials(const Context& context);

// A channel to a gRPC target. Without TLS only on a Unix socket, or on a
// loopback address where no authority is named.
std::shared_ptr<grpc::Channel> MakeSecureChannel(
    const std::string& address, const Credentials& credentials,
    const grpc::ChannelArguments& arguments);

}  // namespace atelier::client
