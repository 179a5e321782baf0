// Who calls: as the transport sees it (CallPeer), and as the daemon takes it
// (Caller).
#pragma once

#include <sys/types.h>

#include <string>

#include "atelier/v1/access.pb.h"

namespace atelier::server {

struct CallPeer {
  enum class Kind {
    // Neither the kernel nor a certificate says who it is; a token may.
    kNobody,
    // A process of this machine, on the Unix socket.
    kProcess,
    // The holder of a certificate that the configured authority signed.
    kCertificate,
  };
  Kind kind = Kind::kNobody;
  // As the kernel had them when the connection was made.
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = 0;
  // Common name of the certificate's subject.
  std::string certificate;
  // What the call brought as `authorization: Bearer …`.
  std::string token;
  // As gRPC has it.
  std::string address;
};

struct Caller {
  // The name that jobs are kept under.
  std::string user;
  v1::Role role = v1::ROLE_USER;
  // May change nothing, whatever the role.
  bool is_read_only = false;
  // `unix:uid=1000,pid=7`, `certificate:ana`, `token:3`; for the audit log.
  std::string peer;

  bool IsAtLeast(v1::Role needed) const { return role >= needed; }
};

}  // namespace atelier::server
