// Reading and writing checkpoints against files of the reference libraries, and
// against malformed and hostile ones.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/oracle.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/tensor/catch_torch.h"

namespace atelier::trainer::testing {
namespace {

using ::testing::HasSubstr;

std::map<std::string, Tensor> ReadAll(const CheckpointSource& source) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, info] : source.index()) {
    const auto tensor = source.Read(name);
    EXPECT_TRUE(tensor.ok()) << tensor.status();
    if (!tensor.ok()) continue;
    EXPECT_EQ(tensor->sizes(), at::IntArrayRef(info.shape)) << name;
    EXPECT_EQ(tensor->scalar_type(), info.dtype) << name;
    tensors[name] = tensor->clone();
  }
  return tensors;
}

void ExpectSame(const std::map<std::string, Tensor>& actual,
                const std::map<std::string, Tensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.count(name)) << name;
    EXPECT_EQ(actual.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(actual.at(name).equal(tensor)) << name;
  }
}

// A scratch folder that becomes the working directory of the test.
class ScratchFolder {
 public:
  ScratchFolder() : before_(std::filesystem::current_path()) {
    std::string name = ::testing::TempDir() + "checkpoint-XXXXXX";
    path_ = mkdtemp(name.data());
    std::filesystem::current_path(path_);
  }
  ~ScratchFolder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }
  const std::string& path() const { return path_; }

 private:
  std::filesystem::path before_;
  std::string path_;
};

TEST(OracleCheckpointTest, CkptAndSafetensorsOfOneModelHoldTheSameTensors) {
  const auto file = OpenCheckpoint(OraclePath("sd1/sd1.safetensors"));
  const auto ckpt = OpenCheckpoint(OraclePath("sd1/sd1.ckpt"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(ckpt.ok()) << ckpt.status();
  const auto expected = ReadAll(**file);
  auto actual = ReadAll(**ckpt);
  for (auto entry = actual.begin(); entry != actual.end();) {
    // Schedules and averaged weights, which only the archive has.
    entry =
        expected.count(entry->first) ? std::next(entry) : actual.erase(entry);
  }
  ExpectSame(actual, expected);
}

TEST(OracleCheckpointTest, CkptLeavesOutWhatIsNoTensor) {
  const auto ckpt = OpenCheckpoint(OraclePath("sd1/sd1.ckpt"));
  ASSERT_TRUE(ckpt.ok()) << ckpt.status();
  EXPECT_TRUE((*ckpt)->index().count("betas"));
  EXPECT_FALSE((*ckpt)->index().count("global_step"));
  EXPECT_FALSE((*ckpt)->index().count("state_dict"));
}

TEST(OracleCheckpointTest, DiffusersFolderHoldsTheModelUnderComponentNames) {
  const auto folder = OpenCheckpoint(OraclePath("sd1/diffusers"));
  const auto file = OpenCheckpoint(OraclePath("sd1/sd1.safetensors"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto inner = (*folder)->Read("unet/conv_in.weight");
  const auto outer =
      (*file)->Read("model.diffusion_model.input_blocks.0.0.weight");
  ASSERT_TRUE(inner.ok() && outer.ok());
  EXPECT_TRUE(inner->to(torch::kFloat32).equal(outer->to(torch::kFloat32)));
  EXPECT_EQ((*folder)->metadata().at("pipeline_class"),
            "StableDiffusionPipeline");
}

TEST(OracleCheckpointTest, WhatIsWrittenIsReadBack) {
  const ScratchFolder scratch;
  const auto file = OpenCheckpoint(OraclePath("sd1/sd1.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto tensors = ReadAll(**file);
  const auto saved =
      WriteSafetensors("copy.safetensors", tensors, {{"key", "täxt"}});
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto copy = OpenCheckpoint("copy.safetensors");
  ASSERT_TRUE(copy.ok()) << copy.status();
  ExpectSame(ReadAll(**copy), tensors);
  EXPECT_EQ((*copy)->metadata().at("key"), "täxt");
  EXPECT_EQ((*copy)->Digest().value(), saved->sha256);
  EXPECT_EQ(std::filesystem::file_size("copy.safetensors"),
            static_cast<uintmax_t>(saved->size_bytes));
}

TEST(OracleCheckpointTest, EveryFixtureFileOpens) {
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(OraclePath(""))) {
    const std::string path = entry.path().string();
    if (path.find("/bad/") != std::string::npos ||
        entry.path().extension() != ".safetensors") {
      continue;
    }
    const auto source = SafetensorsFile::Open(path);
    EXPECT_TRUE(source.ok()) << source.status();
  }
}

// Opens `path` in a process of its own that may not use much more memory than
// it has, and prints its error. What it prints and how it ends is the test's to
// judge.
[[noreturn]] void OpenWithLittleMemory(const std::string& path) {
  constexpr rlim_t kRoom = rlim_t{512} << 20;
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  const rlim_t limit = pages * static_cast<rlim_t>(getpagesize()) + kRoom;
  const rlimit memory{limit, limit};
  setrlimit(RLIMIT_AS, &memory);
  const absl::Status status = CatchTorch(
      [&]() -> absl::Status { return OpenCheckpoint(path).status(); });
  std::cerr << status.message() << "\n";
  std::_Exit(status.ok() ? 1 : 0);
}

// Wrong contents that only the architecture can tell.
bool IsWellFormed(const std::string& name) {
  static const std::set<std::string> kNames = {
      "wrong_architecture.safetensors", "lora_instead_of_model.safetensors",
      "sd1_missing_keys.safetensors", "clip_l_nan.safetensors",
      "clip_l_inf.safetensors"};
  return kNames.count(name) > 0;
}

TEST(OracleCheckpointDeathTest, EveryBadFileIsRefusedWithItsName) {
  const ScratchFolder scratch;
  for (const auto& entry : LoadOracleJson("bad/index.json")) {
    const std::string name = entry.at("path");
    const std::string path = OraclePath("bad/" + name);
    if (IsWellFormed(name)) {
      EXPECT_TRUE(OpenCheckpoint(path).ok()) << name;
      continue;
    }
    SCOPED_TRACE(name + ": " + entry.at("what").get<std::string>());
    EXPECT_EXIT(OpenWithLittleMemory(path), ::testing::ExitedWithCode(0), name);
    const absl::Status status = OpenCheckpoint(path).status();
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
  }
  // No payload ran: nothing was made in the working directory.
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(OracleCheckpointTest, HostileArchivesAreRefusedByTheCallTheyWant) {
  for (const char* name :
       {"bad/malicious_zip.ckpt", "bad/malicious_system.ckpt",
        "bad/malicious_legacy.ckpt"}) {
    const auto source = OpenCheckpoint(OraclePath(name));
    ASSERT_FALSE(source.ok()) << name;
    EXPECT_THAT(std::string(source.status().message()),
                HasSubstr("wants to call"));
  }
}

struct AnyModuleImpl : torch::nn::Module {
  explicit AnyModuleImpl(const TensorIndex& index) {
    torch::NoGradGuard no_grad;
    for (const auto& [name, info] : index) Add(*this, name, info.shape);
  }

  // Parameters lie in nested modules, one for each part of the name.
  static void Add(torch::nn::Module& parent, const std::string& name,
                  const std::vector<int64_t>& shape) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos) {
      parent.register_parameter(name, torch::zeros(shape), false);
      return;
    }
    const std::string head = name.substr(0, dot);
    for (const auto& child : parent.named_children()) {
      if (child.key() == head) {
        return Add(*child.value(), name.substr(dot + 1), shape);
      }
    }
    auto child = std::make_shared<torch::nn::Module>();
    Add(*parent.register_module(head, child), name.substr(dot + 1), shape);
  }
};

TEST(OracleCheckpointTest, WeightsThatAreNotFiniteAreRefusedByName) {
  for (const char* name :
       {"bad/clip_l_nan.safetensors", "bad/clip_l_inf.safetensors"}) {
    const auto source = OpenCheckpoint(OraclePath(name));
    ASSERT_TRUE(source.ok()) << source.status();
    AnyModuleImpl module((*source)->index());
    const auto result = LoadState(**source, {}, module);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("weight"));
  }
}

TEST(OracleCheckpointTest, AllMissingTensorsAreListedAtOnce) {
  const auto whole = OpenCheckpoint(OraclePath("sd1/sd1.safetensors"));
  const auto part =
      OpenCheckpoint(OraclePath("bad/sd1_missing_keys.safetensors"));
  ASSERT_TRUE(whole.ok() && part.ok());
  AnyModuleImpl module((*whole)->index());
  const auto result = LoadState(**part, {}, module);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(" missing: "));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(" more"));
}

}  // namespace
}  // namespace atelier::trainer::testing
