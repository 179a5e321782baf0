#include "client/credentials.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/client_interceptor.h"

#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<std::string> ReadNamed(const Context& context,
                                      const char* variable) {
  const std::string path = context.env(variable);
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file) return text.str();
  return absl::InvalidArgumentError(
      absl::StrCat(variable, " is ", path, ", which cannot be read"));
}

absl::Status CheckTokenMode(const std::string& path) {
  struct stat info = {};
  if (path.empty() || stat(path.c_str(), &info) != 0 ||
      (info.st_mode & (S_IRWXG | S_IRWXO)) == 0)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ATELIER_TOKEN_FILE is ", path,
                   ", which others may read: chmod 600, and have the token "
                   "revoked if it was not yours alone"));
}

// Puts the token into the metadata of every call.
class TokenSender : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(std::string value) : value_(std::move(value)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* call) override {
    if (call->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::
                PRE_SEND_INITIAL_METADATA))
      call->GetSendInitialMetadata()->insert({"authorization", value_});
    call->Proceed();
  }

 private:
  const std::string value_;
};

class TokenSenderFactory
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenderFactory(const std::string& token)
      : value_(absl::StrCat("Bearer ", token)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new TokenSender(value_);
  }

 private:
  const std::string value_;
};

bool MayGoInTheClear(const std::string& address,
                     const Credentials& credentials) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  return credentials.tls_ca.empty() &&
         (host == "localhost" || host == "127.0.0.1" || host == "[::1]");
}

}  // namespace

absl::StatusOr<Credentials> ReadCredentials(const Context& context) {
  Credentials credentials;
  RETURN_IF_ERROR(CheckTokenMode(context.env("ATELIER_TOKEN_FILE")));
  ASSIGN_OR_RETURN(credentials.token, ReadNamed(context, "ATELIER_TOKEN_FILE"));
  credentials.token = std::string(absl::StripAsciiWhitespace(
      credentials.token.substr(0, credentials.token.find('\n'))));
  ASSIGN_OR_RETURN(credentials.tls_ca, ReadNamed(context, "ATELIER_TLS_CA"));
  ASSIGN_OR_RETURN(credentials.tls_certificate,
                   ReadNamed(context, "ATELIER_TLS_CERT"));
  ASSIGN_OR_RETURN(credentials.tls_key, ReadNamed(context, "ATELIER_TLS_KEY"));
  return credentials;
}

std::shared_ptr<grpc::Channel> MakeSecureChannel(
    const std::string& address, const Credentials& credentials,
    const grpc::ChannelArguments& arguments) {
  std::shared_ptr<grpc::ChannelCredentials> proof =
      grpc::InsecureChannelCredentials();
  if (!MayGoInTheClear(address, credentials)) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = credentials.tls_ca;
    options.pem_cert_chain = credentials.tls_certificate;
    options.pem_private_key = credentials.tls_key;
    proof = grpc::SslCredentials(options);
  }
  std::vector<
      std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
      interceptors;
  if (!credentials.token.empty())
    interceptors.push_back(
        std::make_unique<TokenSenderFactory>(credentials.token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address, proof, arguments, std::move(interceptors));
}

}  // namespace atelier::client
