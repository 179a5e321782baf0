// Names and groups of this machine's users, as the name service has them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/clock.h"

namespace atelier::server {

struct UnixUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  // Names, the first group among them.
  std::vector<std::string> groups;
};

// Asks the name service, which may be a network away. A user without a name is
// called by the number. None: there is no user of this name.
UnixUser FindUser(uid_t uid);
std::optional<UnixUser> FindUser(const std::string& name);

// Remembers answers for a minute: a change of groups is seen soon enough, and a
// slow directory does not hold up every call. Threads: any. Blocks: on what is
// not remembered.
class UserDatabase {
 public:
  // `clock` outlives it.
  explicit UserDatabase(const Clock& clock) : clock_(clock) {}
  virtual ~UserDatabase() = default;

  virtual UnixUser ById(uid_t uid);
  virtual std::optional<UnixUser> ByName(const std::string& name);

 private:
  template <typename Value>
  struct Remembered {
    absl::Time until;
    Value value;
  };

  const Clock& clock_;
  absl::Mutex mutex_;
  std::map<uid_t, Remembered<UnixUser>> by_id_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Remembered<std::optional<UnixUser>>> by_name_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
