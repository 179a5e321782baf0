// What other users chose (names, labels, captions, messages, what their workers
// printed) must not reach a terminal as commands to it.
#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

// Clears the screen, sets the title, goes back in the line, and C1's CSI.
constexpr char kHostile[] =
    "x\x1b[2J\x1b]0;y\x07\rz\xc2\x9b"
    "31m\x7f";

class HostileNamesTest : public ClientTest {
 protected:
  HostileNamesTest() {
    terminal_.is_terminal = true;
    v1::Job& job = AddJob(1, v1::JOB_STATE_FAILED, 1);
    job.set_owner(kHostile);
    job.set_message(kHostile);
    job.set_output_dir(kHostile);
    job.mutable_progress()->set_phase(kHostile);
    job.mutable_spec()->set_name(kHostile);
    (*job.mutable_spec()->mutable_labels())[kHostile] = kHostile;
    job.mutable_spec()->mutable_training()->mutable_output()->set_output_name(
        kHostile);
    v1::Attempt& attempt = *job.add_attempts();
    attempt.set_message(kHostile);
    attempt.set_last_log(kHostile);
    AddEvents();
    v1::Artifact& artifact = daemon_.artifacts[1].emplace_back();
    artifact.set_path(kHostile);
    artifact.set_prompt(kHostile);
    artifact.set_kind(v1::ARTIFACT_KIND_SAMPLE);
    daemon_.log = kHostile;
    daemon_.caller.set_user(kHostile);
    daemon_.caller.set_peer(kHostile);
    daemon_.users.add_users()->set_user(kHostile);
    v1::Token& token = *daemon_.tokens.add_tokens();
    token.set_user(kHostile);
    token.set_note(kHostile);
    token.set_created_by(kHostile);
    v1::AuditEntry& entry = *daemon_.audit.add_entries();
    entry.set_user(kHostile);
    entry.set_peer(kHostile);
    entry.set_method(kHostile);
    entry.set_outcome(kHostile);
    entry.set_message(kHostile);
  }

  void AddEvents() {
    auto& events = daemon_.events[1];
    v1::Event end = events.back();
    events.pop_back();
    end.mutable_state()->set_message(kHostile);
    events.emplace_back().mutable_phase()->set_phase(kHostile);
    events.emplace_back().mutable_sample()->set_prompt(kHostile);
    events.emplace_back().mutable_warning()->set_message(kHostile);
    events.emplace_back().mutable_checkpoint()->set_path(kHostile);
    events.emplace_back().mutable_done()->set_message(kHostile);
    events.push_back(end);
    for (size_t i = 0; i < events.size(); ++i)
      events[i].set_sequence(static_cast<int64_t>(i) + 1);
  }
};

// The progress bar's own clearing of its line aside.
std::string WithoutOwnCodes(std::string text) {
  const std::string own = "\r\x1b[K";
  for (size_t at = text.find(own); at != text.npos; at = text.find(own))
    text.erase(at, own.size());
  return text;
}

TEST_F(HostileNamesTest, NoCommandPassesControlCharactersToATerminal) {
  const std::vector<std::vector<std::string>> commands = {
      {"list"},          {"show", "1"}, {"watch", "1"},
      {"logs", "1"},     {"wait", "1"}, {"samples", "1"},
      {"users"},         {"whoami"},    {"admin", "token", "list"},
      {"admin", "audit"}};
  for (const auto& command : commands) {
    Run(command);
    for (const std::string& shown : {Out(), Err()}) {
      const std::string text = WithoutOwnCodes(shown);
      EXPECT_EQ(text.find('\x1b'), text.npos) << command[0] << ": " << text;
      EXPECT_EQ(text.find('\x07'), text.npos) << command[0] << ": " << text;
      EXPECT_EQ(text.find('\r'), text.npos) << command[0] << ": " << text;
      EXPECT_EQ(text.find('\x7f'), text.npos) << command[0] << ": " << text;
      EXPECT_EQ(text.find("\xc2\x9b"), text.npos) << command[0] << ": " << text;
    }
    if (command[0] != "wait") {
      EXPECT_NE(Out().find("\\x1b[2J"), std::string::npos)
          << command[0] << " shows nothing: " << Out() << Err();
    }
  }
}

TEST_F(HostileNamesTest, JsonEscapesWhatItTells) {
  ASSERT_EQ(Run({"list", "--json"}), 0) << Err();
  EXPECT_EQ(Out().find('\x1b'), std::string::npos);
  EXPECT_EQ(JsonLines().at(0).at("spec").at("name"), kHostile);
}

TEST_F(HostileNamesTest, LogsThatGoIntoAFileKeepTheirBytes) {
  terminal_.is_terminal = false;
  Run({"logs", "1"});
  EXPECT_EQ(Out(), kHostile);
}

TEST_F(HostileNamesTest, ATokenIsAloneOnStandardOutput) {
  ASSERT_EQ(Run({"admin", "token", "create", "ana", "--scope", "read"}), 0)
      << Err();
  EXPECT_EQ(Out(), "secret\n");
  EXPECT_NE(Run({"admin", "token", "create", "ana", "--scope", "root"}), 0);
  EXPECT_NE(Err().find("read, user, operator or admin"), std::string::npos);
}

}  // namespace
}  // namespace atelier::client
