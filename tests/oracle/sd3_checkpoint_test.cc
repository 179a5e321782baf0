// SD3 checkpoints: every form gives the same model, what is exported is what
// was loaded, and files that do not fit end with an error that names them.
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/oracle/sd3_model.h"
#include "tests/support/oracle.h"
#include "tests/support/temp_dir.h"
#include "trainer/architectures/sd3/keys.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer::testing {
namespace sd3_oracle {

using ::testing::HasSubstr;

std::map<std::string, NamedTensor> ByName(const ExportedFile& file) {
  std::map<std::string, NamedTensor> tensors;
  for (const NamedTensor& entry : file.tensors) {
    EXPECT_TRUE(tensors.emplace(entry.name, entry).second) << entry.name;
  }
  return tensors;
}

// Names, types and contents, bit for bit.
void ExpectSameFile(const ExportedFile& file,
                    const std::map<std::string, Tensor>& stored) {
  const auto exported = ByName(file);
  EXPECT_EQ(exported.size(), stored.size());
  for (const auto& [name, tensor] : stored) {
    const auto found = exported.find(name);
    ASSERT_NE(found, exported.end()) << name;
    EXPECT_EQ(found->second.source_dtype, tensor.scalar_type()) << name;
    EXPECT_TRUE(found->second.tensor.to(tensor.scalar_type()).equal(tensor))
        << name;
  }
}

std::map<std::string, Tensor> WithoutTextEncoders(
    std::map<std::string, Tensor> tensors) {
  std::erase_if(tensors, [](const auto& entry) {
    return entry.first.starts_with("text_encoders.");
  });
  return tensors;
}

struct Form {
  std::string main;
  Components components;
};

// The forms of one model without text encoders of its own.
const Form kForms[] = {
    {kSingleFile, {}},
    {kSingleFile, TextFiles()},
    {"sd3/diffusers", {}},
    {"sd3/diffusers/transformer/diffusion_pytorch_model.safetensors",
     With(TextFiles(), "vae", kSingleFile)},
};

TEST(Sd3CheckpointOracle, GivesTheSameModelFromEveryForm) {
  const torch::NoGradGuard no_gradients;
  auto stored = LoadOracle("sd3/denoiser.safetensors");
  Model first = LoadModel(kSingleFile).value();
  const auto expected = first.denoiser->named_parameters();
  const Conditioning wanted = Encode(first, PromptsAt(stored["prompt_index"]));
  for (const Form& form : kForms) {
    auto model = LoadModel(form.main, form.components);
    ASSERT_TRUE(model.ok()) << form.main << ": " << model.status();
    EXPECT_EQ(model->modelspec_architecture, "stable-diffusion-3-medium");
    EXPECT_TRUE(model->warnings.empty());
    for (const auto& item : model->denoiser->named_parameters()) {
      EXPECT_TRUE(item.value().equal(expected[item.key()])) << item.key();
      EXPECT_EQ(item.value().scalar_type(), torch::kFloat32);
      EXPECT_TRUE(item.value().requires_grad()) << item.key();
    }
    const Conditioning conditioning =
        Encode(*model, PromptsAt(stored["prompt_index"]));
    EXPECT_TRUE(conditioning.context.equal(wanted.context)) << form.main;
    EXPECT_TRUE(conditioning.pooled.equal(wanted.pooled)) << form.main;
    EXPECT_TRUE(
        model->denoiser
            ->forward(stored["noisy"], stored["timesteps"], conditioning)
            .equal(first.denoiser->forward(stored["noisy"], stored["timesteps"],
                                           wanted)))
        << form.main;
  }
}

TEST(Sd3CheckpointOracle, ExportsASingleFileAsItWasRead) {
  for (const Components& components : {Components(), TextFiles()}) {
    const Model model = LoadModel(kSingleFile, components).value();
    const auto files = sd3::ExportFiles(model, {});
    ASSERT_EQ(files.size(), 1);
    EXPECT_EQ(files[0].suffix, "");
    ExpectSameFile(files[0], LoadOracle(kSingleFile));
  }
}

TEST(Sd3CheckpointOracle, ExportsADiffusersFolderInTheOriginalLayout) {
  const Model model = LoadModel("sd3/diffusers").value();
  ExpectSameFile(sd3::ExportFiles(model, {})[0],
                 WithoutTextEncoders(LoadOracle(kSingleFile)));
}

TEST(Sd3CheckpointOracle, ExportsSd35InBothLayoutsTheSame) {
  const Model single = LoadModel(kSd35File, TextFiles()).value();
  EXPECT_EQ(single.modelspec_architecture, "stable-diffusion-3-5-medium");
  ExpectSameFile(sd3::ExportFiles(single, {})[0], LoadOracle(kSd35File));
  const Model diffusers =
      LoadModel(kSd35Diffusers, With(TextFiles(), "vae", kSd35File)).value();
  ExpectSameFile(sd3::ExportFiles(diffusers, {})[0], LoadOracle(kSd35File));
}

TEST(Sd3CheckpointOracle, ExportsTrainedTextEncodersAsFilesOfTheirOwn) {
  const std::set<std::string> all = {"text_encoder1", "text_encoder2",
                                     "text_encoder3"};
  for (const auto& [main, components] :
       {Form{kSingleFile, {}}, Form{kSd35File, TextFiles()},
        Form{"sd3/diffusers", {}}}) {
    const Model model = LoadModel(main, components).value();
    const auto files = sd3::ExportFiles(model, all);
    ASSERT_EQ(files.size(), 4);
    EXPECT_EQ(files[1].suffix, "_clip_l");
    EXPECT_EQ(files[2].suffix, "_clip_g");
    EXPECT_EQ(files[3].suffix, "_t5xxl");
    auto clip_l = LoadOracle("sd3/clip_l.safetensors");
    if (main == "sd3/diffusers") {
      clip_l = LoadOracle("sd3/diffusers/text_encoder/model.safetensors");
    }
    ExpectSameFile(files[1], clip_l);
    ExpectSameFile(files[2], LoadOracle("sd3/clip_g.safetensors"));
    ExpectSameFile(files[3], LoadOracle("sd3/t5xxl.safetensors"));
  }
}

// A Diffusers folder whose T5 stands in two files, as published.
TEST(Sd3CheckpointOracle, ReadsShardedT5) {
  const atelier::testing::TempDir folder;
  const std::string from = OraclePath("sd3/diffusers");
  std::filesystem::copy(from, folder.path(),
                        std::filesystem::copy_options::recursive);
  const std::string t5 = folder.File("text_encoder_3/");
  std::filesystem::remove(t5 + "model.safetensors");
  std::map<std::string, Tensor> shards[2];
  nlohmann::json index;
  int place = 0;
  for (const auto& [name, tensor] : LoadOracle("sd3/t5xxl.safetensors")) {
    const int shard = place++ % 2;
    shards[shard][name] = tensor;
    index["weight_map"][name] =
        "model-0000" + std::to_string(shard + 1) + "-of-00002.safetensors";
  }
  for (int shard = 0; shard < 2; ++shard) {
    ASSERT_TRUE(WriteSafetensors(t5 + "model-0000" + std::to_string(shard + 1) +
                                     "-of-00002.safetensors",
                                 shards[shard])
                    .ok());
  }
  std::ofstream(t5 + "model.safetensors.index.json") << index;
  const auto source = OpenCheckpoint(folder.path());
  ASSERT_TRUE(source.ok()) << source.status();
  ModelSources sources;
  sources.main = source->get();
  const auto model = sd3::Load(sources, Options());
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSameFile(sd3::ExportFiles(*model, {"text_encoder3"})[1],
                 LoadOracle("sd3/t5xxl.safetensors"));
}

TEST(Sd3CheckpointOracle, TranslatesEveryDiffusersName) {
  for (const std::string file : {"sd3/keymap.json", "sd3/keymap_sd35.json"}) {
    const auto json = LoadOracleJson(file)["transformer"];
    int64_t depth = 0;
    while (json.contains("transformer_blocks." + std::to_string(depth) +
                         ".attn.to_q.weight")) {
      ++depth;
    }
    const KeyMap keys =
        KeyMap::Make(sd3::DiffusersKeys(depth, "transformer/", "x.")).value();
    std::vector<std::string> names;
    for (const auto& [name, original] : json.items()) {
      names.push_back("transformer/" + name);
    }
    const auto plan = keys.MakePlan(names, KeyMap::Direction::kForward).value();
    EXPECT_TRUE(plan.unmatched.empty());
    size_t pieces_seen = 0;
    for (const auto& [target, pieces] : plan.targets) {
      for (const auto& piece : pieces) {
        ++pieces_seen;
        EXPECT_EQ("x." + json[piece.source.substr(12)].get<std::string>(),
                  target);
      }
    }
    EXPECT_EQ(pieces_seen, json.size());
  }
}

TEST(Sd3CheckpointOracle, DetectsItsOwnOnly) {
  const auto detect = [&](const std::string& name) {
    return sd3::Detect(OpenCheckpoint(OraclePath(name)).value()->index())
        .value_or("");
  };
  EXPECT_EQ(detect(kSingleFile), "SD3 Medium");
  EXPECT_EQ(detect("sd3/diffusers"), "SD3 Medium, Diffusers layout");
  EXPECT_EQ(detect(kSd35File), "SD3.5 Medium");
  EXPECT_EQ(detect(kSd35Diffusers), "SD3.5 Medium, Diffusers layout");
  for (const char* other :
       {"sd1/sd1.safetensors", "sd1/diffusers", "sd2/sd2_768v.safetensors",
        "sd2/diffusers", "sdxl/sdxl.safetensors", "sdxl/diffusers",
        "flux/flux1-dev.safetensors", "flux/diffusers", "flux/ae.safetensors",
        "sd3/clip_l.safetensors", "sd3/t5xxl.safetensors",
        "lumina/lumina2.safetensors", "lumina/diffusers",
        "lumina/lumina2_all_in_one.safetensors"}) {
    EXPECT_EQ(detect(other), "") << other;
  }
}

struct WrongSd3File {
  std::string main;
  Components components;
  std::string words;
};

TEST(Sd3CheckpointOracle, RefusesFilesThatDoNotFit) {
  const WrongSd3File cases[] = {
      {"flux/flux1-dev.safetensors", {}, "FLUX.1"},
      {"lumina/diffusers", {}, "is not a Stable Diffusion 3 model"},
      {"sd1/sd1.safetensors", {}, "is not a Stable Diffusion 3 model"},
      {"sd3/t5xxl.safetensors", {}, "T5"},
      {kSd35File, {}, "give its file as clip_l"},
      {kSd35Diffusers, TextFiles(), "give its file as vae"},
      {kSd35File,
       {{"clip_l", "sd3/clip_l.safetensors"},
        {"clip_g", "sd3/clip_g.safetensors"}},
       "give its file as t5xxl"},
      {kSd35File, With(TextFiles(), "clip_l", "sd3/t5xxl.safetensors"), "T5"},
      {kSd35File, With(TextFiles(), "vae", "sd1/sd1.safetensors"),
       "latent channels"},
  };
  for (const WrongSd3File& wrong : cases) {
    const auto model = LoadModel(wrong.main, wrong.components);
    ASSERT_FALSE(model.ok()) << wrong.words;
    EXPECT_THAT(std::string(model.status().message()), HasSubstr(wrong.words));
  }
}

}  // namespace sd3_oracle
}  // namespace atelier::trainer::testing
