// Configuration files of a Diffusers folder, written from the model's own
// sizes.
//
// Source: the configurations that Diffusers 0.42.1 writes and reads; `heads` of
// its U-Nets stand, for historical reasons, in `attention_head_dim`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/ldm_unet/config.h"
#include "trainer/architectures/ldm_unet/family.h"
#include "trainer/diffusion/options.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {

std::string ModelIndexJson(const LdmFamily& family);
std::string UnetConfigJson(const LdmUnetConfig& config,
                           const LdmFamily& family);
std::string VaeConfigJson(const AutoencoderConfig& config,
                          const LdmFamily& family);
std::string TextConfigJson(const ClipTextEncoder& encoder);
// With the prediction type and the schedule that the model was trained for.
std::string SchedulerConfigJson(const std::string& scheduler,
                                const DiffusionOptions& options);
// What the folder's scheduler says that the model predicts; none where it says
// nothing that is known here.
std::optional<PredictionType> ReadPredictionType(const std::string& folder);
std::string TokenizerConfigJson(const std::string& pad_token,
                                int64_t positions);
std::string SpecialTokensJson(const std::string& pad_token);

}  // namespace atelier::trainer
