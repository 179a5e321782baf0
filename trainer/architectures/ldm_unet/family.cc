#include "trainer/architectures/ldm_unet/family.h"

#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "trainer/architectures/ldm_unet/keys.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/text/openclip_keys.h"
#include "trainer/vae/keys.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kUsualVaeLevels = 4;

void AppendRules(std::vector<KeyRule> more, std::vector<KeyRule>& rules) {
  rules.insert(rules.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

}  // namespace

bool IsDiffusersFolder(const TensorIndex& index) {
  return HasPrefix(index, "unet/");
}

bool HasLinearProjection(const TensorIndex& index, const std::string& prefix) {
  for (auto entry = index.lower_bound(prefix);
       entry != index.end() && entry->first.starts_with(prefix); ++entry) {
    if (absl::EndsWith(entry->first, ".proj_in.weight")) {
      return entry->second.shape.size() == 2;
    }
  }
  return false;
}

std::vector<KeyRule> LdmTextKeys(const LdmTextPlace& place,
                                 const std::string& from, bool is_bare) {
  if (place.is_open_clip) return OpenClipKeys(from, place.prefix, is_bare);
  const std::string to = place.prefix + "text_model.*";
  if (!is_bare) return {{from + "text_model.*", to, Rename()}};
  return {{from + "*", to, Rename()}};
}

std::vector<KeyRule> LdmDiffusersKeys(const LdmFamily& family,
                                      const TensorIndex& index) {
  std::vector<KeyRule> rules =
      LdmUnetDiffusersKeys(family.unet, "unet/", kLdmUnetPrefix);
  const int64_t levels = CountNumbered(index, "vae/encoder.down_blocks.",
                                       ".resnets.0.conv1.weight");
  AppendRules(AutoencoderDiffusersKeys(levels == 0 ? kUsualVaeLevels : levels,
                                       "vae/", kLdmVaePrefix),
              rules);
  for (const LdmTextPlace& place : family.text) {
    const std::string folder = place.folder + "/";
    AppendRules(
        LdmTextKeys(place, folder, HasPrefix(index, folder + "embeddings.")),
        rules);
  }
  return rules;
}

}  // namespace atelier::trainer
