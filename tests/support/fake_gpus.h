// The machine that the fake driver (fake_nvml.cc) shows.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "nlohmann/json.hpp"

#include "tests/support/await.h"

namespace atelier::testing {

class FakeGpus {
 public:
  explicit FakeGpus(std::string file) : file_(std::move(file)) {
    machine_["gpus"] = nlohmann::json::array();
    setenv("ATELIER_FAKE_NVML_FILE", file_.c_str(), 1);
    Write();
  }

  // A GPU; changes count from Write() on.
  nlohmann::json& Add(const std::string& uuid, const std::string& name,
                      int64_t total_gib) {
    machine_["gpus"].push_back({{"uuid", uuid},
                                {"name", name},
                                {"total", total_gib << 30},
                                {"used", 0},
                                {"temperature", 41},
                                {"power", 71500},
                                {"utilization", 7},
                                {"ecc_uncorrected", 0},
                                {"throttle", 0},
                                {"processes", nlohmann::json::array()}});
    return machine_["gpus"].back();
  }
  nlohmann::json& gpu(size_t number) { return machine_["gpus"][number]; }
  nlohmann::json& machine() { return machine_; }

  void Xid(int gpu, int xid) {
    machine_["xids"].push_back({{"gpu", gpu}, {"xid", xid}});
    Write();
  }

  // As one step, so that no half file is ever read.
  void Write() {
    WriteText(file_ + ".new", machine_.dump());
    std::filesystem::rename(file_ + ".new", file_);
  }

 private:
  const std::string file_;
  nlohmann::json machine_;
};

}  // namespace atelier::testing
