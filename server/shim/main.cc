// atelier-shim RUN_DIR PROGRAM [ARGUMENT...]: parent of one worker.
//
// Starts PROGRAM in a process group of its own with worker.log as its output,
// passes SIGTERM and SIGINT on to that group, writes exit.json when the worker
// ends, and then ends whatever the worker left behind. SIGUSR1 ends the whole
// tree at once. It needs nothing from the daemon and outlives it.
//
// Exit status: 0 after exit.json was written; 64 wrong use; 70 something failed
// (worker.log says what); 75 the daemon had withdrawn the start.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "server/shim/process.h"
#include "server/shim/run_files.h"

namespace atelier::shim {
namespace {

constexpr int kExitUsage = 64;
constexpr int kExitInternal = 70;
constexpr int kExitWithdrawn = 75;
// As shells report a program that could not be executed.
constexpr int kExitNotExecutable = 127;

int Fail(const char* what) {
  fprintf(stderr, "atelier-shim: %s: %s\n", what, strerror(errno));
  return kExitInternal;
}

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD})
    sigaddset(&set, signal);
  return set;
}

// Everything that worker and shim print goes to worker.log.
bool OpenLog() {
  int log = open("worker.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log < 0) return false;
  bool moved = dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0;
  close(log);
  return moved;
}

// Into the control group that the daemon made for the worker, where it did.
void EnterGroup() {
  const char* path = getenv("ATELIER_CGROUP_PROCS");
  if (path == nullptr) return;
  int procs = open(path, O_WRONLY | O_CLOEXEC);
  if (procs < 0 || write(procs, "0", 1) != 1)
    fprintf(stderr, "atelier-shim: cannot enter %s: %s\n", path,
            strerror(errno));
  if (procs >= 0) close(procs);
}

[[noreturn]] void RunWorker(int go, char** command) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char byte;
  // Without worker.json nobody could find this process again: do not start.
  if (read(go, &byte, 1) != 1) _exit(kExitInternal);
  EnterGroup();
  execv(command[0], command);
  fprintf(stderr, "atelier-shim: cannot execute %s: %s\n", command[0],
          strerror(errno));
  fflush(stderr);
  _exit(kExitNotExecutable);
}

// Starts the worker once worker.json is written. Returns its pid, or -1.
pid_t StartWorker(char** command) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) return -1;
  pid_t worker = fork();
  if (worker == 0) {
    close(go[1]);
    RunWorker(go[0], command);
  }
  close(go[0]);
  bool written = false;
  if (worker > 0) {
    setpgid(worker, worker);
    written = WriteWorkerFile(worker) && write(go[1], "g", 1) == 1;
  }
  int error = errno;
  close(go[1]);
  errno = error;
  return written ? worker : -1;
}

// Collects ended children. True once the worker is among them.
bool Reap(WorkerExit& worker_exit) {
  bool ended = false;
  int status = 0;
  rusage usage;
  while (pid_t pid = wait4(-1, &status, WNOHANG, &usage)) {
    if (pid < 0) break;
    if (pid != worker_exit.pid) continue;
    ended = true;
    worker_exit.wait_status = status;
    worker_exit.usage = usage;
    clock_gettime(CLOCK_REALTIME, &worker_exit.end);
  }
  return ended;
}

// Serves signals until the worker has ended.
void Supervise(WorkerExit& worker_exit, const sigset_t& handled) {
  while (true) {
    int signal = sigwaitinfo(&handled, nullptr);
    if (signal == SIGCHLD && Reap(worker_exit)) return;
    if (signal == SIGTERM || signal == SIGINT) kill(-worker_exit.pid, signal);
    if (signal != SIGUSR1) continue;
    kill(-worker_exit.pid, SIGKILL);
    KillChildren();
  }
}

void KillTree(pid_t worker) {
  kill(-worker, SIGKILL);
  do {
    KillChildren();
  } while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR);
}

int Run(char** command) {
  sigset_t handled = HandledSignals();
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    return Fail("cannot adopt orphans");
  if (!ClaimRunFolder()) {
    if (errno == EEXIST) return kExitWithdrawn;
    return Fail("cannot write shim.json");
  }
  WorkerExit worker_exit;
  clock_gettime(CLOCK_REALTIME, &worker_exit.start);
  worker_exit.pid = StartWorker(command);
  if (worker_exit.pid < 0) return Fail("cannot start the worker");
  Supervise(worker_exit, handled);
  bool written = WriteExitFile(worker_exit);
  if (!written) Fail("cannot write exit.json");
  KillTree(worker_exit.pid);
  return written ? 0 : kExitInternal;
}

}  // namespace
}  // namespace atelier::shim

int main(int argc, char** argv) {
  using namespace atelier::shim;  // NOLINT(google-build-using-namespace)
  if (argc < 3) {
    fprintf(stderr, "usage: atelier-shim RUN_DIR PROGRAM [ARGUMENT...]\n");
    return kExitUsage;
  }
  setsid();
  if (chdir(argv[1]) != 0) return Fail("cannot enter the run folder");
  if (!OpenLog()) return Fail("cannot open worker.log");
  return Run(argv + 2);
}
