#include "trainer/architectures/sd1/keys.h"

#include "absl/strings/str_cat.h"

#include "trainer/architectures/ldm_unet/keys.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/vae/keys.h"

namespace atelier::trainer::sd1 {

std::vector<KeyRule> DiffusersKeys(int64_t vae_levels) {
  std::vector<KeyRule> rules =
      LdmUnetDiffusersKeys(UnetFamily(), "unet/", kUnetPrefix);
  for (KeyRule& rule :
       AutoencoderDiffusersKeys(vae_levels, "vae/", kVaePrefix)) {
    rules.push_back(std::move(rule));
  }
  rules.push_back({"text_encoder/text_model.*",
                   absl::StrCat(kTextPrefix, "text_model.*"), Rename()});
  return rules;
}

std::vector<KeyRule> BareTextKeys() {
  std::vector<KeyRule> rules;
  for (const char* part : {"embeddings.*", "encoder.*", "final_layer_norm.*"}) {
    rules.push_back({part, absl::StrCat("text_model.", part), Rename()});
  }
  return rules;
}

}  // namespace atelier::trainer::sd1
