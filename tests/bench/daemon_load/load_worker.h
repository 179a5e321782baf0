// The worker that the measured daemon starts: does what the labels of its job
// say (load_daemon.h, WorkerTask).
#pragma once

namespace atelier::bench {

// `work FLAGS` and `--describe`, as a trainer answers them.
int RunLoadWorker(int argc, char** argv);
int DescribeLoadWorker();

// Files in the folder of label `dir`: the worker that sends events begins when
// kGoFile is there, and leaves in kSecondsFile how long it took until all of
// them were acknowledged.
inline constexpr char kGoFile[] = "go";
inline constexpr char kSecondsFile[] = "seconds";

}  // namespace atelier::bench
