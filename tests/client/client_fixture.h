// The client with everything around it made up: its output in strings, its
// environment in a map, its waits counted instead of waited.
#pragma once

#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "client/command_table.h"
#include "tests/client/fake_daemon.h"
#include "tests/support/temp_dir.h"

namespace atelier::client {

class ClientTest : public ::testing::Test {
 protected:
  // Runs the client against the fake daemon; its output replaces the last.
  int Run(std::vector<std::string> tokens) {
    out_.str("");
    err_.str("");
    env_["ATELIER_SERVER"] = daemon_.address();
    Context context{out_,
                    err_,
                    terminal_,
                    [this](const char* name) {
                      const auto found = env_.find(name);
                      return found == env_.end() ? "" : found->second;
                    },
                    dir_.path(),
                    [this](absl::Duration time) {
                      waits_.push_back(time);
                      if (on_wait_ != nullptr) on_wait_();
                    },
                    [] { return absl::Now(); }};
    return RunClient(tokens, context);
  }

  std::string Out() const { return out_.str(); }
  std::string Err() const { return err_.str(); }

  std::vector<nlohmann::json> JsonLines() const {
    std::vector<nlohmann::json> lines;
    for (const auto& line :
         absl::StrSplit(out_.str(), '\n', absl::SkipEmpty())) {
      lines.push_back(nlohmann::json::parse(std::string(line)));
    }
    return lines;
  }

  // A job in that state, and its events: as many steps, then its end.
  v1::Job& AddJob(int64_t id, v1::JobState state, int steps = 0) {
    v1::Job& job = daemon_.jobs[id];
    job.set_id(id);
    job.set_state(state);
    job.mutable_spec()->set_name("job");
    job.mutable_spec()->set_architecture(v1::ARCHITECTURE_SD1);
    auto& events = daemon_.events[id];
    for (int i = 1; i <= steps; ++i) {
      events.emplace_back().set_step(i);
      events.back().mutable_step_done()->set_total_steps(steps);
      events.back().mutable_step_done()->set_loss(0.5);
    }
    events.emplace_back().mutable_state()->set_state(state);
    for (size_t i = 0; i < events.size(); ++i) {
      events[i].set_sequence(static_cast<int64_t>(i) + 1);
    }
    return job;
  }

  FakeDaemon daemon_;
  testing::TempDir dir_;
  Terminal terminal_;
  std::map<std::string, std::string> env_;
  std::function<void()> on_wait_;
  std::vector<absl::Duration> waits_;

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace atelier::client
