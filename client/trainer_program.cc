#include "client/trainer_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace atelier::client {
namespace {

bool IsProgram(const std::string& path) {
  return access(path.c_str(), X_OK) == 0 &&
         !std::filesystem::is_directory(path);
}

// In the child: no memory is asked for between fork and exec.
[[noreturn]] void Become(const std::vector<char*>& words, const char* folder,
                         int output) {
  constexpr int kNotStarted = 127;
  const int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool is_ready = empty >= 0 && dup2(empty, STDIN_FILENO) >= 0 &&
                        dup2(output, STDOUT_FILENO) >= 0 && chdir(folder) == 0;
  if (is_ready) execv(words[0], words.data());
  _exit(kNotStarted);
}

std::string ReadToTheEnd(int file) {
  std::string text;
  char block[65536];
  while (true) {
    const ssize_t got = read(file, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(block, static_cast<size_t>(got));
  }
}

int WaitForEnd(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalled = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status)
                           : kSignalled + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<std::string> FindTrainer(const Context& context) {
  const std::string given = context.env("ATELIER_TRAINER");
  if (!given.empty()) {
    if (IsProgram(given)) return given;
    return absl::FailedPreconditionError(
        absl::StrCat("ATELIER_TRAINER is ", given, ", which is no program"));
  }
  std::error_code error;
  const std::filesystem::path beside =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
      "atelier-trainer";
  if (!error && IsProgram(beside.string())) return beside.string();
  return absl::FailedPreconditionError(absl::StrCat(
      "the worker program atelier-trainer is not there (looked for ",
      beside.string(),
      "); run this on the machine of the daemon, where the data is, or name "
      "the program in ATELIER_TRAINER"));
}

absl::StatusOr<ProgramOutput> RunProgram(const std::vector<std::string>& words,
                                         const std::string& folder) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "no pipe");
  }
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) Become(arguments, folder.c_str(), ends[1]);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return absl::InternalError(
        absl::StrCat(words.front(), " cannot be started"));
  }
  ProgramOutput output;
  output.text = ReadToTheEnd(ends[0]);
  close(ends[0]);
  output.exit_status = WaitForEnd(child);
  return output;
}

}  // namespace atelier::client
