#include "trainer/architectures/sd1/recipe.h"

#include "trainer/architectures/ldm_unet/ddpm_recipe.h"

namespace atelier::trainer::sd1 {
namespace {

constexpr int64_t kLatentChannels = 4;

}  // namespace

std::unique_ptr<Recipe> MakeRecipe(const DiffusionOptions& options) {
  return std::make_unique<DdpmRecipe>(options, kLatentChannels);
}

}  // namespace atelier::trainer::sd1
