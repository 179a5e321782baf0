#include "client/sd_scripts/script.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/sd_scripts/shown_text.h"
#include "proto/cc/suggestion.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr Script kScripts[] = {
    {"train_db.py", "db", 'D', v1::ARCHITECTURE_SD1},
    {"fine_tune.py", "ft", 'F', v1::ARCHITECTURE_SD1},
    {"sdxl_train.py", "xl", 'X', v1::ARCHITECTURE_SDXL},
    {"sd3_train.py", "sd3", 'S', v1::ARCHITECTURE_SD3},
    {"flux_train.py", "flux", 'U', v1::ARCHITECTURE_FLUX},
    {"lumina_train.py", "lumina", 'L', v1::ARCHITECTURE_LUMINA2},
};

// Scripts of another purpose, by what their names contain.
struct Refusal {
  const char* part;
  const char* sentence;
};

constexpr Refusal kRefusals[] = {
    {"_train_network", "trains a LoRA; Atelier trains all weights of a model"},
    {"train_network", "trains a LoRA; Atelier trains all weights of a model"},
    {"textual_inversion", "trains an embedding; Atelier trains all weights"},
    {"control_net", "trains a ControlNet; Atelier trains the model itself"},
    {"controlnet", "trains a ControlNet; Atelier trains the model itself"},
    {"anima_train", "trains Anima, which Atelier does not know"},
    {"hunyuan_image", "trains HunyuanImage, which Atelier does not know"},
};

const Refusal* FindRefusal(absl::string_view name) {
  for (const Refusal& refusal : kRefusals) {
    if (absl::StrContains(name, refusal.part)) return &refusal;
  }
  return nullptr;
}

std::vector<std::string> ScriptFiles() {
  std::vector<std::string> files;
  for (const Script& script : kScripts) files.push_back(script.file);
  return files;
}

}  // namespace

absl::Span<const Script> AllScripts() { return kScripts; }

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool IsKnownScript(absl::string_view path) {
  const absl::string_view name = BaseName(path);
  if (!absl::EndsWith(name, ".py")) return false;
  const bool is_ours =
      std::any_of(std::begin(kScripts), std::end(kScripts),
                  [&](const Script& script) { return name == script.file; });
  return is_ours || FindRefusal(name) != nullptr;
}

absl::StatusOr<const Script*> FindScript(absl::string_view path) {
  const absl::string_view name = BaseName(path);
  for (const Script& script : kScripts) {
    if (name == script.file) return &script;
  }
  const std::vector<std::string> files = ScriptFiles();
  const std::string known = absl::StrJoin(files, ", ");
  if (const Refusal* refusal = FindRefusal(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(ShownText(name), " ", refusal->sentence,
                     ": use the command of one of ", known));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("script ", ShownText(name),
                   " is none of sd-scripts' for full fine-tuning, which are ",
                   known, DidYouMean(name, files)));
}

}  // namespace atelier::client::sd_scripts
