// A worker without LibTorch: speaks WorkerService like a trainer and does what
// the labels of its job say.
//
//   steps=N        takes N steps (3), then a checkpoint `last.bin`, then done
//   dir=PATH       folder for the files below
//   pause=K        before step K makes PATH/paused.ATTEMPT and waits for
//   PATH/go crash=K        kills itself before step K of its first attempt
//   exit=CODE      fails after its steps with that code and reason=NAME
//   leave=1        does not wait for acknowledgements at its end
//   deaf=1         ignores requests to stop and SIGTERM
//   child=1        starts a child in a session of its own that ignores SIGTERM,
//                  and writes its pid to PATH/child
//   files=1        writes what file descriptors it was given to PATH/files
//   devices=1      writes what devices it may see to PATH/devices.ATTEMPT
//   print=TEXT     prints TEXT and a line for every step
//
// Asked to save its state, it makes PATH/saved.ATTEMPT. It keeps the number of
// steps done in the output folder and continues there in
// later attempts.
#include <openssl/sha.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "tests/support/await.h"
#include "tests/support/fake_link.h"

namespace atelier::testing {
namespace {

constexpr int kExitStopped = 85;
volatile sig_atomic_t terminated = 0;

class Script {
 public:
  explicit Script(const v1::WorkerWelcome& welcome)
      : labels_(welcome.spec().labels().begin(),
                welcome.spec().labels().end()) {}

  std::string Text(const std::string& name) const {
    auto it = labels_.find(name);
    return it == labels_.end() ? "" : it->second;
  }
  int64_t Number(const std::string& name, int64_t otherwise = 0) const {
    int64_t value = otherwise;
    if (!absl::SimpleAtoi(Text(name), &value)) return otherwise;
    return value;
  }
  std::string File(const std::string& name) const {
    return Text("dir") + "/" + name;
  }

 private:
  std::map<std::string, std::string> labels_;
};

class FakeRun {
 public:
  FakeRun(FakeLink& link, const v1::WorkerWelcome& welcome, int attempt,
          const std::string& files)
      : link_(link),
        files_(files),
        script_(welcome),
        output_dir_(welcome.output_dir()),
        attempt_(attempt) {
    std::filesystem::create_directories(output_dir_);
    if (welcome.continue_from_newest_state())
      step_ = atoll(ReadText(output_dir_ + "/steps").c_str());
  }

  int Run() {
    Begin();
    const int64_t steps = script_.Number("steps", 3);
    while (step_ < steps) {
      if (script_.Number("pause") == step_ + 1) Pause();
      if (script_.Number("crash") == step_ + 1 && attempt_ == 1)
        kill(getpid(), SIGKILL);
      if (MustStop()) return Stop();
      Step(steps);
    }
    int code = static_cast<int>(script_.Number("exit"));
    if (code != 0) return Finish("failed", "told to fail", code);
    SaveCheckpoint();
    return Finish("succeeded", "", 0);
  }

 private:
  bool MustStop() const {
    return (link_.is_stop_requested() || terminated != 0) &&
           script_.Text("deaf").empty();
  }

  int Stop() {
    if (link_.is_state_requested())
      WriteText(script_.File(absl::StrCat("saved.", attempt_)), "");
    return Finish("stopped", "", kExitStopped);
  }

  void Begin() {
    if (!script_.Text("deaf").empty()) signal(SIGTERM, SIG_IGN);
    if (!script_.Text("child").empty()) StartChild();
    if (!script_.Text("files").empty())
      WriteText(script_.File("files"), files_);
    if (!script_.Text("devices").empty()) {
      const char* visible = getenv("CUDA_VISIBLE_DEVICES");
      WriteText(script_.File(absl::StrCat("devices.", attempt_)),
                absl::StrCat(visible == nullptr ? "all" : visible, "\n"));
    }
    if (!script_.Text("print").empty()) Print(script_.Text("print"));
    v1::Event event;
    event.set_step(step_);
    event.mutable_phase()->set_phase("training");
    link_.Send(event);
    if (step_ == 0) return;
    event.mutable_resumed()->set_path("steps");
    link_.Send(event);
  }

  void Step(int64_t steps) {
    WriteText(output_dir_ + "/steps", absl::StrCat(++step_));
    v1::Event event;
    event.set_step(step_);
    event.mutable_step_done()->set_total_steps(steps);
    event.mutable_step_done()->set_loss(1.0 / static_cast<double>(step_));
    link_.Send(event);
    if (!script_.Text("print").empty()) Print(absl::StrCat("step ", step_));
  }

  void Pause() {
    std::string go = script_.File("go");
    WriteText(script_.File(absl::StrCat("paused.", attempt_)), "");
    while (!MustStop() && !AwaitFile(go, absl::Milliseconds(20))) {
    }
  }

  void SaveCheckpoint() {
    std::string bytes(1000000, 'w');
    WriteText(output_dir_ + "/last.bin", bytes);
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           hash);
    v1::Event event;
    event.set_step(step_);
    v1::CheckpointEvent& checkpoint = *event.mutable_checkpoint();
    checkpoint.set_path("last.bin");
    checkpoint.set_size_bytes(static_cast<int64_t>(bytes.size()));
    checkpoint.set_sha256(absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash)));
    checkpoint.set_is_final(true);
    link_.Send(event);
  }

  int Finish(const std::string& outcome, const std::string& message, int code) {
    v1::Event event;
    event.set_step(step_);
    event.mutable_done()->set_outcome(outcome);
    event.mutable_done()->set_message(message);
    event.mutable_done()->set_reason(script_.Text("reason"));
    link_.Send(event);
    if (script_.Text("leave").empty()) link_.AwaitAcknowledged(kPatience);
    return code;
  }

  void StartChild() {
    pid_t child = fork();
    if (child == 0) {
      setsid();
      signal(SIGTERM, SIG_IGN);
      while (true) pause();
    }
    WriteText(script_.File("child"), absl::StrCat(child, "\n"));
  }

  static void Print(const std::string& line) {
    printf("%s\n", line.c_str());
    fflush(stdout);
  }

  FakeLink& link_;
  const std::string files_;
  const Script script_;
  const std::string output_dir_;
  const int attempt_;
  int64_t step_ = 0;
};

// The file descriptors that are open, and what they are.
std::string ListFiles() {
  std::string text;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    absl::StrAppend(&text, entry.path().filename().string(), " ",
                    std::filesystem::read_symlink(entry, gone).string(), "\n");
  return text;
}

int DescribeFake() {
  printf(
      "{\"version\": \"fake\", \"architectures\": [\"SD1\"], \"optimizers\": "
      "[\"AdamW\"], \"has_cuda\": false}\n");
  return 0;
}

int WorkFake(int argc, char** argv) {
  // Before anything of ours is opened.
  const std::string files = ListFiles();
  FakeFlags flags;
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--socket") flags.socket = argv[i + 1];
    if (name == "--job") flags.job = atoll(argv[i + 1]);
    if (name == "--attempt") flags.attempt = atoi(argv[i + 1]);
    if (name == "--token-file") flags.token = ReadText(argv[i + 1]);
    if (name == "--run-dir") flags.run_dir = argv[i + 1];
  }
  signal(SIGTERM, [](int) { terminated = 1; });
  int attempt = flags.attempt;
  FakeLink link(std::move(flags));
  int code = FakeRun(link, link.AwaitWelcome(), attempt, files).Run();
  fflush(stdout);
  _exit(code);
}

}  // namespace
}  // namespace atelier::testing

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "--describe") return atelier::testing::DescribeFake();
  if (command == "work") return atelier::testing::WorkFake(argc, argv);
  fprintf(stderr, "usage: fake_trainer --describe | work FLAGS\n");
  return 64;
}
