// Clients of other machines: tokens, certificates, and what is refused.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include "atelier/v1/access.grpc.pb.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/wire_status.h"
#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

class RemoteTest : public DaemonFixture {
 protected:
  void StartRemote(const std::string& security) {
    Configure(
        absl::StrCat("[security]\nremote_listen = '127.0.0.1:0'\n", security));
    StartDaemon();
    v1::GetServerInfoResponse info;
    grpc::ClientContext context;
    ASSERT_TRUE(server_->GetServerInfo(&context, {}, &info).ok());
    address_ = info.remote_address();
    local_ = v1::AccessService::NewStub(
        grpc::CreateChannel("unix:" + state_dir() + "/atelier.sock",
                            grpc::InsecureChannelCredentials()));
  }

  v1::CreateTokenResponse MakeToken(const std::string& user,
                                    v1::TokenScope scope) {
    v1::CreateTokenRequest request;
    request.set_user(user);
    request.set_scope(scope);
    v1::CreateTokenResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        local_->CreateToken(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  absl::StatusOr<v1::WhoAmIResponse> WhoAmI(
      const std::string& token,
      const std::shared_ptr<grpc::ChannelCredentials>& proof) {
    auto stub =
        v1::AccessService::NewStub(grpc::CreateChannel(address_, proof));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::WhoAmIResponse response;
    const absl::Status status =
        FromGrpcStatus(stub->WhoAmI(&context, {}, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Writes NAME.pem and NAME.key into dir(), signed by `ca`, or by itself.
  void MakeCertificate(const std::string& name, const std::string& ca = "") {
    WriteText(File(name + ".ext"), "subjectAltName=IP:127.0.0.1\n");
    std::string command =
        absl::StrCat("cd ", dir(),
                     " && openssl req -newkey ec -pkeyopt "
                     "ec_paramgen_curve:prime256v1 -nodes -subj /CN=",
                     name, " -keyout ", name, ".key");
    if (ca.empty())
      absl::StrAppend(&command, " -x509 -days 2 -out ", name, ".pem");
    else
      absl::StrAppend(&command, " -out ", name,
                      ".csr && openssl x509 -req -in ", name, ".csr -CA ", ca,
                      ".pem -CAkey ", ca,
                      ".key -CAcreateserial -days 2 -extfile ", name,
                      ".ext -out ", name, ".pem");
    ASSERT_EQ(system((command + " > openssl.log 2>&1").c_str()), 0)
        << ReadText(File("openssl.log"));
  }
  std::shared_ptr<grpc::ChannelCredentials> Proof(const std::string& name) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadText(File("ca.pem"));
    if (!name.empty()) {
      options.pem_cert_chain = ReadText(File(name + ".pem"));
      options.pem_private_key = ReadText(File(name + ".key"));
    }
    return grpc::SslCredentials(options);
  }

  std::string address_;
  std::unique_ptr<v1::AccessService::Stub> local_;
};

TEST_F(RemoteTest, TokensSayWhoCallsAndEndWhenRevoked) {
  StartRemote("");
  const auto clear = grpc::InsecureChannelCredentials();
  EXPECT_EQ(ErrorReason(WhoAmI("", clear).status()), reasons::kNotKnown);
  EXPECT_EQ(ErrorReason(WhoAmI("guess", clear).status()), reasons::kNotKnown);
  const v1::CreateTokenResponse made = MakeToken("ana", v1::TOKEN_SCOPE_READ);
  const auto known = WhoAmI(made.secret(), clear);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->user(), "ana");
  EXPECT_EQ(known->peer(), absl::StrCat("token:", made.token().id()));
  EXPECT_TRUE(known->read_only());
  // Only the hash is kept.
  EXPECT_EQ(ReadText(state_dir() + "/atelier.db").find(made.secret()),
            std::string::npos);
  EXPECT_EQ(ReadText(state_dir() + "/atelier.db-wal").find(made.secret()),
            std::string::npos);
  v1::RevokeTokenRequest request;
  request.set_token_id(made.token().id());
  v1::RevokeTokenResponse revoked;
  grpc::ClientContext context;
  ASSERT_TRUE(local_->RevokeToken(&context, request, &revoked).ok());
  EXPECT_EQ(ErrorReason(WhoAmI(made.secret(), clear).status()),
            reasons::kNotKnown);
}

TEST_F(RemoteTest, CertificatesSayWhoCallsAndOthersAreNotBelieved) {
  MakeCertificate("ca");
  MakeCertificate("daemon", "ca");
  MakeCertificate("ana", "ca");
  MakeCertificate("rogue");
  chmod(File("daemon.key").c_str(), 0600);
  StartRemote(absl::StrCat("tls_certificate = '", File("daemon.pem"),
                           "'\ntls_key = '", File("daemon.key"),
                           "'\ntls_client_ca = '", File("ca.pem"), "'"));
  const auto ana = WhoAmI("", Proof("ana"));
  ASSERT_TRUE(ana.ok()) << ana.status();
  EXPECT_EQ(ana->user(), "ana");
  EXPECT_EQ(ana->peer(), "certificate:ana");
  EXPECT_EQ(ana->role(), v1::ROLE_USER);
  EXPECT_FALSE(WhoAmI("", Proof("rogue")).ok());
  EXPECT_EQ(ErrorReason(WhoAmI("", Proof("")).status()), reasons::kNotKnown);
  const auto token = MakeToken("ben", v1::TOKEN_SCOPE_USER);
  const auto ben = WhoAmI(token.secret(), Proof(""));
  ASSERT_TRUE(ben.ok()) << ben.status();
  EXPECT_EQ(ben->user(), "ben");
  EXPECT_FALSE(WhoAmI(token.secret(), grpc::InsecureChannelCredentials()).ok());
}

}  // namespace
}  // namespace atelier::testing
