#include "trainer/architectures/components/stored_types.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/architectures/sd3/model.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr char kRepeatedEmbedding[] = "encoder.embed_tokens.weight";

// Collects one file.
class FileWriter {
 public:
  explicit FileWriter(const Model& model) : dtypes_(model.source_dtypes) {}

  // `name` as it stands in the file, `key` in Model::source_dtypes. What is not
  // trained keeps its type even where that is a form of storage, such as fp8.
  void Add(const std::string& name, const Tensor& tensor,
           const std::string& key, bool is_trained) {
    const auto found = dtypes_.find(key);
    const torch::ScalarType dtype =
        found == dtypes_.end() ? tensor.scalar_type() : found->second;
    tensors_[name] = {name, tensor, is_trained ? KeptType(dtype) : dtype};
  }

  void AddModule(const std::string& prefix, const std::string& key_prefix,
                 const torch::nn::Module& module, bool is_trained) {
    for (const auto& item : module.named_parameters()) {
      Add(prefix + item.key(), item.value(), key_prefix + item.key(),
          is_trained);
    }
    for (const auto& item : module.named_buffers()) {
      Add(prefix + item.key(), item.value(), key_prefix + item.key(),
          is_trained);
    }
  }

  ExportedFile Finish(const std::string& suffix) {
    ExportedFile file{suffix, {}};
    for (auto& [name, tensor] : tensors_) {
      file.tensors.push_back(std::move(tensor));
    }
    return file;
  }

 private:
  const std::map<std::string, torch::ScalarType>& dtypes_;
  std::map<std::string, NamedTensor> tensors_;
};

// A text encoder with the parts that its file has beside.
template <typename Encoder>
void AddEncoder(const std::string& prefix, const std::string& key_prefix,
                const HeldEncoder<Encoder>& held, bool is_trained,
                FileWriter& file) {
  for (const auto& [name, tensor] : held.untouched) {
    file.Add(prefix + name, tensor, key_prefix + name, /*is_trained=*/false);
  }
  file.AddModule(prefix, key_prefix, *held.encoder, is_trained);
}

void AddT5(const std::string& prefix, const TextEncoderSet& set,
           bool is_trained, FileWriter& file) {
  AddEncoder(prefix, kT5Prefix, set.t5, is_trained, file);
  if (!set.t5_repeats_embedding) return;
  file.Add(prefix + kRepeatedEmbedding, set.t5.encoder->shared->weight,
           std::string(kT5Prefix) + kRepeatedEmbedding, is_trained);
}

}  // namespace

std::vector<ExportedFile> ExportFiles(const Model& model,
                                      const std::set<std::string>& trained) {
  const TextEncoderSet& set =
      static_cast<const Sd3Conditioner&>(*model.conditioner).encoders();
  const bool trains_l = trained.contains("text_encoder1");
  const bool trains_g = trained.contains("text_encoder2");
  const bool trains_t5 = trained.contains("text_encoder3");
  FileWriter main(model);
  for (const auto& [name, tensor] : model.untouched) {
    main.Add(name, tensor, name, false);
  }
  main.AddModule(kMmditPrefix, kMmditPrefix, *model.denoiser, true);
  main.AddModule(kVaePrefix, kVaePrefix, *model.vae, false);
  if (set.clip_l.is_embedded) {
    AddEncoder(kClipLPrefix, kClipLPrefix, set.clip_l, trains_l, main);
  }
  if (set.clip_g.is_embedded) {
    AddEncoder(kClipGPrefix, kClipGPrefix, set.clip_g, trains_g, main);
  }
  if (set.t5.is_embedded) AddT5(kT5Prefix, set, trains_t5, main);
  std::vector<ExportedFile> files = {main.Finish("")};
  if (trains_l) {
    FileWriter file(model);
    AddEncoder("", kClipLPrefix, set.clip_l, true, file);
    files.push_back(file.Finish("_clip_l"));
  }
  if (trains_g) {
    FileWriter file(model);
    AddEncoder("", kClipGPrefix, set.clip_g, true, file);
    files.push_back(file.Finish("_clip_g"));
  }
  if (trains_t5) {
    FileWriter file(model);
    AddT5("", set, true, file);
    files.push_back(file.Finish("_t5xxl"));
  }
  return files;
}

}  // namespace atelier::trainer::sd3
