#include "proto/cc/cache_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CacheRulesTest : public ::testing::Test {
 protected:
  v1::TrainingConfig ConfigWith(const std::vector<std::string>& flags) {
    v1::TrainingConfig config;
    config.mutable_model()->set_pretrained_model_name_or_path("/m.safetensors");
    config.mutable_dataset()->set_train_data_dir("/d");
    config.mutable_dataset()->set_resolution("512");
    EXPECT_THAT(OptionsFromFlags(flags, "/", &config), IsEmpty());
    return config;
  }
};

TEST_F(CacheRulesTest, FillingCachesNeedsOneOnDisk) {
  for (const char* cache :
       {"--cache_latents_to_disk", "--cache_text_encoder_outputs_to_disk"}) {
    EXPECT_THAT(Messages(ValidateTraining(v1::ARCHITECTURE_SD1,
                                          ConfigWith({"--warm_cache", cache}))),
                IsEmpty());
  }
  EXPECT_THAT(
      Fields(ValidateTraining(v1::ARCHITECTURE_SD1,
                              ConfigWith({"--warm_cache", "--cache_latents"}))),
      ElementsAre(FindOption("warm_cache")->path));
}

TEST_F(CacheRulesTest, OptionsOfFilesSayWhenThereAreNone) {
  EXPECT_THAT(OptionWarnings(
                  v1::ARCHITECTURE_SD1,
                  ConfigWith({"--cache_format", "npz", "--skip_cache_check"})),
              ElementsAre(HasSubstr("cache_format has no effect"),
                          HasSubstr("skip_cache_check has no effect")));
  EXPECT_THAT(
      OptionWarnings(v1::ARCHITECTURE_SD1,
                     ConfigWith({"--cache_latents_to_disk", "--cache_format",
                                 "npz", "--skip_cache_check"})),
      IsEmpty());
}

}  // namespace
}  // namespace atelier
