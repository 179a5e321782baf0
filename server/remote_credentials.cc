#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "server/grpc_listener.h"

namespace atelier::server {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file) return text.str();
  return absl::ErrnoToStatus(errno == 0 ? EISDIR : errno,
                             absl::StrCat("cannot read ", path));
}

absl::Status CheckKeyMode(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || (info.st_mode & S_IRWXO) == 0)
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "tls_key ", path, " can be read or changed by everybody: chmod 600"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeRemoteCredentials(
    const RemoteFiles& files) {
  if (files.certificate.empty()) return grpc::InsecureServerCredentials();
  RETURN_IF_ERROR(CheckKeyMode(files.key));
  // A certificate is asked for but not needed: tokens do as well.
  grpc::SslServerCredentialsOptions options(
      files.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                              : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  ASSIGN_OR_RETURN(pair.private_key, ReadPem(files.key));
  ASSIGN_OR_RETURN(pair.cert_chain, ReadPem(files.certificate));
  options.pem_key_cert_pairs.push_back(pair);
  if (!files.client_ca.empty()) {
    ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(files.client_ca));
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace atelier::server
