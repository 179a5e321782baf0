// The gate on a real store: who is let in to what, and what is written down.
#include "server/access/gate.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "server/access/rights.h"
#include "server/jobs/attempt_token.h"
#include "server/store/connection.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

class KnownUsers : public UserDatabase {
 public:
  using UserDatabase::UserDatabase;
  UnixUser ById(uid_t uid) override {
    for (const UnixUser& user : users)
      if (user.uid == uid) return user;
    return {absl::StrCat(uid), uid, 0, {}};
  }
  std::optional<UnixUser> ByName(const std::string& name) override {
    for (const UnixUser& user : users)
      if (user.name == name) return user;
    return std::nullopt;
  }

  const std::vector<UnixUser> users = {{"ana", 1001, 1001, {"lab"}},
                                       {"ben", 1002, 1002, {"lab"}},
                                       {"ops", 1003, 1003, {"operators"}},
                                       {"eve", 1004, 1004, {"guests"}},
                                       {"boss", 1005, 1005, {"lab"}}};
};

class GateTest : public testing::StateTest {
 protected:
  GateTest() : users_(clock_) {
    policy_.admins.users = {"boss"};
    policy_.operators.groups = {"operators"};
    MakeGate();
  }
  void MakeGate() {
    gate_.emplace(policy_, CallLimitOptions{},
                  GateParts{jobs(), state_->access(), users_, clock_});
  }

  static CallPeer Process(uid_t uid) {
    CallPeer peer;
    peer.kind = CallPeer::Kind::kProcess;
    peer.uid = uid;
    peer.pid = 7;
    return peer;
  }
  CallPeer Named(const std::string& name) {
    return Process(users_.ByName(name)->uid);
  }
  // The reason of the refusal; empty: let in.
  std::string Try(const char* method, const CallPeer& peer,
                  std::optional<JobId> job = std::nullopt) {
    auto admitted = gate_->Admit(method, peer, job);
    if (admitted.ok()) gate_->Close(*admitted, absl::OkStatus());
    return ErrorReason(admitted.status());
  }
  CallPeer WithToken(const std::string& user, v1::TokenScope scope,
                     int64_t* id = nullptr) {
    CallPeer peer;
    peer.token = MakeAttemptToken();
    AccessToken token;
    token.user = user;
    token.scope = scope;
    token.hash = Sha256Hex(peer.token);
    token.expire_time = clock_.Now() + absl::Hours(1);
    auto added = state_->access().AddToken(token);
    EXPECT_TRUE(added.ok()) << added.status();
    if (id != nullptr) *id = added->id;
    return peer;
  }

  KnownUsers users_;
  AccessPolicy policy_;
  std::optional<Gate> gate_;
};

TEST_F(GateTest, EveryRoleGetsWhatItsRowSaysOnJobsOfAna) {
  const JobId job = Submit();  // of ana
  struct Row {
    const char* user;
    bool sees, holds, changes, operates, administers;
  };
  const Row rows[] = {{"ana", true, true, true, false, false},
                      {"ben", true, false, false, false, false},
                      {"ops", true, true, false, true, false},
                      {"boss", true, true, true, true, true}};
  for (const Row& row : rows) {
    const CallPeer peer = Named(row.user);
    EXPECT_EQ(Try("WatchJob", peer, job).empty(), row.sees) << row.user;
    EXPECT_EQ(Try("HoldJob", peer, job).empty(), row.holds) << row.user;
    EXPECT_EQ(Try("CancelJob", peer, job).empty(), row.changes) << row.user;
    EXPECT_EQ(Try("Drain", peer).empty(), row.operates) << row.user;
    EXPECT_EQ(Try("CreateToken", peer).empty(), row.administers) << row.user;
    EXPECT_EQ(Try("SubmitJob", peer), "") << row.user;
  }
}

TEST_F(GateTest, RefusalsOfEveryChangeAreForbiddenAndNotAnythingElse) {
  const JobId job = Submit();
  for (const RightsRow& row : AllRights()) {
    if (!IsChange(row.right) || row.right == Right::kSubmit) continue;
    EXPECT_EQ(Try(std::string(row.method).c_str(), Named("ben"), job),
              reasons::kNotAllowed)
        << row.method;
  }
}

TEST_F(GateTest, ChangeOfAJobWithoutAJobIsRefused) {
  EXPECT_EQ(Try("CancelJob", Named("ana")), reasons::kNotAllowed);
  EXPECT_EQ(Try("CancelJob", Named("ana"), 99), reasons::kJobNotFound);
}

TEST_F(GateTest, MethodsWithoutARowAndWorkersMethodsAreRefused) {
  EXPECT_EQ(
      gate_->Admit("DropDatabase", Named("boss"), std::nullopt).status().code(),
      absl::StatusCode::kInternal);
  EXPECT_EQ(Try("Attach", Named("boss")), reasons::kNotAllowed);
}

TEST_F(GateTest, PrivacyHidesJobsFromOtherUsersOnly) {
  policy_.hides_jobs = true;
  MakeGate();
  const JobId job = Submit();
  EXPECT_EQ(Try("WatchJob", Named("ana"), job), "");
  EXPECT_EQ(Try("WatchJob", Named("ben"), job), reasons::kNotAllowed);
  EXPECT_EQ(Try("WatchJob", Named("ops"), job), "");
  Caller ben{"ben", v1::ROLE_USER, false, ""};
  v1::Job told;
  told.set_id(job);
  told.set_owner("ana");
  told.set_message("secret");
  told.mutable_spec()->set_name("secret");
  HideJob(policy_, ben, &told);
  EXPECT_TRUE(told.hidden());
  EXPECT_EQ(told.id(), job);
  EXPECT_EQ(told.DebugString().find("secret"), std::string::npos);
  EXPECT_EQ(FilterFor(policy_, ben, "name : \"s\"", ""),
            "name : \"s\" AND owner = \"ben\"");
  EXPECT_EQ(FilterFor(policy_, ben, "state = RUNNING", ""), "state = RUNNING");
  EXPECT_EQ(FilterFor(policy_, ben, "", "name desc"), "owner = \"ben\"");
}

TEST_F(GateTest, UsersThatAreNotListedMayNotCall) {
  policy_.allowed.groups = {"lab"};
  MakeGate();
  EXPECT_EQ(Try("GetJob", Named("eve"), 1), reasons::kNotAllowed);
  EXPECT_EQ(Try("ListJobs", Named("ben")), "");
  EXPECT_EQ(Try("ListJobs", Process(0)), "");
}

TEST_F(GateTest, NobodyIsNobody) {
  EXPECT_EQ(Try("ListJobs", CallPeer()), reasons::kNotKnown);
  CallPeer peer;
  peer.token = "guess";
  EXPECT_EQ(Try("ListJobs", peer), reasons::kNotKnown);
  peer.kind = CallPeer::Kind::kCertificate;
  EXPECT_EQ(Try("ListJobs", peer), reasons::kNotKnown);
  peer.certificate = "ben";
  EXPECT_EQ(gate_->Identify(peer)->user, "ben");
}

TEST_F(GateTest, ATokenIsGoodForItsScopeUntilItEndsOrIsRevoked) {
  const JobId job = Submit();
  int64_t id = 0;
  const CallPeer reads = WithToken("ana", v1::TOKEN_SCOPE_READ);
  EXPECT_EQ(Try("WatchJob", reads, job), "");
  EXPECT_EQ(Try("SubmitJob", reads), reasons::kNotAllowed);
  EXPECT_EQ(Try("CancelJob", reads, job), reasons::kNotAllowed);
  const CallPeer user = WithToken("boss", v1::TOKEN_SCOPE_USER, &id);
  EXPECT_EQ(Try("SubmitJob", user), "");
  EXPECT_EQ(Try("CreateToken", user), reasons::kNotAllowed);
  // More than the user may is not in a token either.
  EXPECT_EQ(Try("Drain", WithToken("ben", v1::TOKEN_SCOPE_ADMIN)),
            reasons::kNotAllowed);
  EXPECT_EQ(Try("Drain", WithToken("boss", v1::TOKEN_SCOPE_OPERATOR)), "");
  ASSERT_TRUE(state_->access().RevokeToken(id).ok());
  EXPECT_EQ(Try("ListJobs", user), reasons::kNotKnown);
  ASSERT_TRUE(state_->access().RevokeToken(id).ok());
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Try("ListJobs", reads), reasons::kNotKnown);
  EXPECT_EQ(ErrorReason(state_->access().RevokeToken(99).status()),
            reasons::kTokenNotFound);
}

TEST_F(GateTest, ChangesAndTheirRefusalsAreWrittenDownForGood) {
  const JobId job = Submit();
  EXPECT_EQ(Try("CancelJob", Named("ana"), job), "");
  EXPECT_EQ(Try("CancelJob", Named("ben"), job), reasons::kNotAllowed);
  EXPECT_EQ(Try("ListJobs", Named("ben")), "");
  // A change that the daemon did not live to see the end of.
  ASSERT_TRUE(gate_->Admit("SubmitJob", Named("ana"), std::nullopt).ok());
  Reopen();
  auto entries = state_->access().ListAudit({});
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].outcome, "");
  EXPECT_EQ((*entries)[1].user, "ben");
  EXPECT_EQ((*entries)[1].outcome, "PERMISSION_DENIED");
  EXPECT_EQ((*entries)[1].job, job);
  EXPECT_EQ((*entries)[2].user, "ana");
  EXPECT_EQ((*entries)[2].peer, "unix:uid=1001,pid=7");
  EXPECT_EQ((*entries)[2].outcome, "OK");
  AuditQuery of_ben;
  of_ben.user = "ben";
  EXPECT_EQ(state_->access().ListAudit(of_ben)->size(), 1u);
  AuditQuery older;
  older.before_id = (*entries)[1].id;
  EXPECT_EQ(state_->access().ListAudit(older)->size(), 1u);
  // Ids go on where they were.
  MakeGate();
  EXPECT_EQ(Try("CancelJob", Named("boss"), job), "");
  Reopen();
  EXPECT_EQ(state_->access().ListAudit({})->size(), 4u);
}

TEST_F(GateTest, NoHandChangesTheAuditLog) {
  EXPECT_EQ(Try("SubmitJob", Named("ana")), "");
  state_.reset();
  auto db =
      Connection::OpenWriter(folder_.File("atelier.db"), Durability::kFull);
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_THROW((*db)->Execute("DELETE FROM audit"), SQLite::Exception);
  EXPECT_THROW((*db)->Execute("UPDATE audit SET user = 'ben'"),
               SQLite::Exception);
}

TEST_F(GateTest, UsageCountsJobsAndDeviceTimeOfEachUser) {
  Submit();
  NewJob other = testing::MakeNewJob();
  other.owner = "ben";
  const AttemptId attempt = Start(Submit(other));
  clock_.Advance(absl::Seconds(10));
  auto users = state_->access().ListUsage(clock_.Now());
  ASSERT_TRUE(users.ok()) << users.status();
  ASSERT_EQ(users->size(), 2u);
  EXPECT_EQ((*users)[0].user(), "ana");
  EXPECT_EQ((*users)[0].jobs_waiting(), 1);
  EXPECT_EQ((*users)[1].user(), "ben");
  EXPECT_EQ((*users)[1].jobs_running(), 1);
  EXPECT_DOUBLE_EQ((*users)[1].device_seconds(), 10);
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
  clock_.Advance(absl::Seconds(10));
  users = state_->access().ListUsage(clock_.Now());
  EXPECT_EQ((*users)[1].jobs_ended(), 1);
  EXPECT_DOUBLE_EQ((*users)[1].device_seconds(), 10);
}

}  // namespace
}  // namespace atelier::server
