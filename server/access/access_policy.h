// Who has which role, and who sees what: the configuration applied to a user.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/access.pb.h"
#include "atelier/v1/job.pb.h"
#include "server/access/caller.h"
#include "server/access/user_database.h"

namespace atelier::server {

struct UserList {
  std::vector<std::string> users;
  std::vector<std::string> groups;

  bool Has(const UnixUser& user) const;
  bool empty() const { return users.empty() && groups.empty(); }
};

struct AccessPolicy {
  // Besides root and the daemon's own user.
  UserList admins;
  UserList operators;
  // Who may call at all; empty: everybody whom the socket lets in.
  UserList allowed;
  // Others than owner, operators and administrators see only that a job exists.
  bool hides_jobs = false;
};

// The role of a user; ROLE_UNSPECIFIED: may not call.
v1::Role RoleOf(const AccessPolicy& policy, const UnixUser& user);

// Whether the caller may look into a job of `owner`.
bool MaySee(const AccessPolicy& policy, const Caller& caller,
            const std::string& owner);

// The filter that a list of jobs is read with: one that asks for what may not
// be seen of others' jobs finds only the caller's own.
std::string FilterFor(const AccessPolicy& policy, const Caller& caller,
                      const std::string& filter, const std::string& order_by);

// Takes everything out of a job that the caller may not see.
void HideJob(const AccessPolicy& policy, const Caller& caller, v1::Job* job);

}  // namespace atelier::server
