#include "trainer/architectures/ldm_unet/keys.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

struct NamePair {
  const char* diffusers;
  const char* original;
};

constexpr NamePair kSingleNames[] = {
    {"conv_in", "input_blocks.0.0"},
    {"time_embedding.linear_1", "time_embed.0"},
    {"time_embedding.linear_2", "time_embed.2"},
    {"add_embedding.linear_1", "label_emb.0.0"},
    {"add_embedding.linear_2", "label_emb.0.2"},
    {"conv_norm_out", "out.0"},
    {"conv_out", "out.2"},
};

constexpr NamePair kResBlockNames[] = {
    {"norm1", "in_layers.0"},          {"conv1", "in_layers.2"},
    {"time_emb_proj", "emb_layers.1"}, {"norm2", "out_layers.0"},
    {"conv2", "out_layers.3"},         {"conv_shortcut", "skip_connection"},
};

class LdmUnetKeyTable {
 public:
  LdmUnetKeyTable(const std::string& from, const std::string& to)
      : from_(from), to_(to) {}

  void Add(const std::string& diffusers, const std::string& original) {
    rules_.push_back(
        {from_ + diffusers + ".*", to_ + original + ".*", Rename()});
  }
  void AddResBlock(const std::string& diffusers, const std::string& original) {
    for (const NamePair& name : kResBlockNames) {
      Add(absl::StrCat(diffusers, ".", name.diffusers),
          absl::StrCat(original, ".", name.original));
    }
  }
  // Transformers have the same names inside in both layouts.
  void AddLevel(const LdmUnetFamily& family, const LdmUnetPlaces& places,
                int64_t level) {
    const bool has_attention = family.has_attention[level];
    const std::string down = absl::StrCat("down_blocks.", level);
    for (int64_t block = 0; block < places.res_blocks; ++block) {
      const std::string stage =
          absl::StrCat("input_blocks.", places.Down(level, block));
      AddResBlock(absl::StrCat(down, ".resnets.", block), stage + ".0");
      if (has_attention) {
        Add(absl::StrCat(down, ".attentions.", block), stage + ".1");
      }
    }
    if (level + 1 < places.levels) {
      Add(down + ".downsamplers.0.conv",
          absl::StrCat("input_blocks.", places.Downsample(level), ".0.op"));
    }
    const std::string up =
        absl::StrCat("up_blocks.", places.levels - 1 - level);
    for (int64_t block = 0; block <= places.res_blocks; ++block) {
      const std::string stage =
          absl::StrCat("output_blocks.", places.Up(level, block));
      AddResBlock(absl::StrCat(up, ".resnets.", block), stage + ".0");
      if (has_attention) {
        Add(absl::StrCat(up, ".attentions.", block), stage + ".1");
      }
    }
    if (level > 0) {
      Add(up + ".upsamplers.0.conv",
          absl::StrCat("output_blocks.", places.Up(level, places.res_blocks),
                       has_attention ? ".2.conv" : ".1.conv"));
    }
  }
  std::vector<KeyRule> Take() { return std::move(rules_); }

 private:
  std::string from_;
  std::string to_;
  std::vector<KeyRule> rules_;
};

}  // namespace

std::vector<KeyRule> LdmUnetDiffusersKeys(const LdmUnetFamily& family,
                                          const std::string& from,
                                          const std::string& to) {
  LdmUnetKeyTable table(from, to);
  for (const NamePair& name : kSingleNames) {
    table.Add(name.diffusers, name.original);
  }
  LdmUnetPlaces places;
  places.levels = static_cast<int64_t>(family.has_attention.size());
  for (int64_t level = 0; level < places.levels; ++level) {
    table.AddLevel(family, places, level);
  }
  table.AddResBlock("mid_block.resnets.0", "middle_block.0");
  table.Add("mid_block.attentions.0", "middle_block.1");
  table.AddResBlock("mid_block.resnets.1", "middle_block.2");
  return table.Take();
}

}  // namespace atelier::trainer
