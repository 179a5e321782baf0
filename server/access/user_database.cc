#include "server/access/user_database.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

constexpr absl::Duration kRemembered = absl::Minutes(1);
// Names come from certificates too: nobody fills memory with them.
constexpr size_t kMostRemembered = 4096;
constexpr size_t kEntryBytes = 16384;
constexpr int kMostGroups = 1024;

std::string GroupName(gid_t gid) {
  std::vector<char> buffer(kEntryBytes);
  group entry = {};
  group* found = nullptr;
  if (getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr)
    return found->gr_name;
  return absl::StrCat(gid);
}

UnixUser FromEntry(const passwd& entry) {
  UnixUser user{entry.pw_name, entry.pw_uid, entry.pw_gid, {}};
  std::vector<gid_t> ids(kMostGroups);
  int count = kMostGroups;
  if (getgrouplist(entry.pw_name, entry.pw_gid, ids.data(), &count) < 0)
    count = kMostGroups;
  for (int i = 0; i < count; ++i)
    user.groups.push_back(GroupName(ids[static_cast<size_t>(i)]));
  return user;
}

}  // namespace

UnixUser FindUser(uid_t uid) {
  std::vector<char> buffer(kEntryBytes);
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr)
    return FromEntry(*found);
  return {absl::StrCat(uid), uid, static_cast<gid_t>(-1), {}};
}

std::optional<UnixUser> FindUser(const std::string& name) {
  std::vector<char> buffer(kEntryBytes);
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) ==
          0 &&
      found != nullptr)
    return FromEntry(*found);
  return std::nullopt;
}

UnixUser UserDatabase::ById(uid_t uid) {
  const absl::Time now = clock_.Now();
  {
    absl::MutexLock lock(&mutex_);
    auto known = by_id_.find(uid);
    if (known != by_id_.end() && known->second.until > now)
      return known->second.value;
  }
  UnixUser user = FindUser(uid);
  absl::MutexLock lock(&mutex_);
  if (by_id_.size() >= kMostRemembered) by_id_.clear();
  by_id_[uid] = {now + kRemembered, user};
  return user;
}

std::optional<UnixUser> UserDatabase::ByName(const std::string& name) {
  const absl::Time now = clock_.Now();
  {
    absl::MutexLock lock(&mutex_);
    auto known = by_name_.find(name);
    if (known != by_name_.end() && known->second.until > now)
      return known->second.value;
  }
  std::optional<UnixUser> user = FindUser(name);
  absl::MutexLock lock(&mutex_);
  if (by_name_.size() >= kMostRemembered) by_name_.clear();
  by_name_[name] = {now + kRemembered, user};
  return user;
}

}  // namespace atelier::server
