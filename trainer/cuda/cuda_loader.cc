#include "trainer/cuda/cuda_loader.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr char kLibraryName[] = "libatelier_cuda.so";
constexpr char kPathVariable[] = "ATELIER_CUDA_LIBRARY";
constexpr char kDriverLibrary[] = "libcuda.so.1";

std::string FolderOfProgram() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0) return ".";
  const std::string program(path, static_cast<size_t>(size));
  return program.substr(0, program.rfind('/'));
}

absl::StatusOr<std::string> FindLibrary() {
  const std::vector<std::string> paths = CudaLibraryPaths();
  for (const std::string& path : paths) {
    struct stat info;
    if (stat(path.c_str(), &info) == 0) return path;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "this trainer was built without CUDA: there is no ",
      absl::StrJoin(paths, " and no "),
      "; build it where nvcc is installed (-DATELIER_CUDA=ON), or set the "
      "device to cpu"));
}

absl::Status CheckDriver() {
  void* driver = dlopen(kDriverLibrary, RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no NVIDIA driver on this machine: ", kDriverLibrary,
        " cannot be loaded; install the driver, or set the device to cpu"));
  }
  dlclose(driver);
  return absl::OkStatus();
}

absl::StatusOr<const CudaApi*> LoadOnce() {
  ASSIGN_OR_RETURN(const std::string path, FindLibrary());
  RETURN_IF_ERROR(CheckDriver());
  // Global, so that LibTorch's CUDA libraries find each other; never closed,
  // since LibTorch keeps what they register.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot load ", path, ": ", reason == nullptr ? "" : reason,
        "; NVIDIA's libraries (libcudart, libcublas, libcudnn, …) are fetched "
        "by deploy/setup.sh --cuda"));
  }
  const auto entry =
      reinterpret_cast<CudaApiEntry>(dlsym(library, kCudaApiSymbol));
  const CudaApi* api = entry == nullptr ? nullptr : entry(kCudaApiVersion);
  if (api == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " is of another build than this trainer (its "
                     "interface is not version ",
                     kCudaApiVersion, "); build both together"));
  }
  return api;
}

absl::StatusOr<int> CountDevices(const CudaApi& api) {
  int count = 0;
  const int error = api.device_count(&count);
  if (error != 0) {
    int version = 0;
    api.driver_version(&version);
    return absl::FailedPreconditionError(
        absl::StrCat("no GPU can be used: ", api.error_text(error),
                     " (the driver serves CUDA ", version / 1000, ".",
                     version % 1000 / 10, ")"));
  }
  if (count == 0) {
    return absl::FailedPreconditionError(
        "no GPU is visible to this process; see CUDA_VISIBLE_DEVICES");
  }
  return count;
}

absl::StatusOr<OpenedDevice> OpenGpu(int index) {
  ASSIGN_OR_RETURN(const CudaApi* api, LoadCuda());
  ASSIGN_OR_RETURN(const int count, CountDevices(*api));
  if (index >= count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "device is cuda:", index, "; this process sees ", count, " GPU",
        count == 1 ? "" : "s", ", the last is cuda:", count - 1));
  }
  CudaDeviceInfo info = {};
  if (const int error = api->describe_device(index, &info); error != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cuda:", index, " cannot be used: ", api->error_text(error)));
  }
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  return OpenedDevice{
      torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index)),
      absl::StrFormat("%s, compute capability %d.%d, %.1f GiB", info.name,
                      info.major, info.minor,
                      static_cast<double>(info.total_bytes) / kGibibyte),
      10 * info.major + info.minor};
}

}  // namespace

std::vector<std::string> CudaLibraryPaths() {
  const char* given = std::getenv(kPathVariable);
  if (given != nullptr && *given != '\0') return {given};
  const std::string folder = FolderOfProgram();
  return {absl::StrCat(folder, "/", kLibraryName),
          absl::StrCat(folder, "/../lib/", kLibraryName)};
}

absl::StatusOr<const CudaApi*> LoadCuda() {
  static const absl::StatusOr<const CudaApi*> loaded = LoadOnce();
  return loaded;
}

absl::StatusOr<OpenedDevice> OpenDevice(const DeviceRequest& request) {
  using Kind = DeviceRequest::Kind;
  if (request.kind == Kind::kCpu) return OpenedDevice{torch::kCPU, "CPU", 0};
  absl::StatusOr<OpenedDevice> gpu = OpenGpu(request.index);
  if (gpu.ok() || request.kind == Kind::kCuda) return gpu;
  return OpenedDevice{
      torch::kCPU, absl::StrCat("CPU; ", std::string(gpu.status().message())),
      0};
}

}  // namespace atelier::trainer
