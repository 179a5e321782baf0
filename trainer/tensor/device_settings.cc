#include "trainer/tensor/device_settings.h"

#include <ATen/Context.h>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {

std::string ApplyDeviceSettings(const DeviceSettings& settings,
                                torch::Device device) {
  if (device.is_cpu()) return "";
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(settings.allow_tf32);
  context.setAllowTF32CuDNN(settings.allow_tf32);
  context.setBenchmarkCuDNN(settings.cudnn_benchmark);
  return absl::StrCat(
      "fp32 products ", settings.allow_tf32 ? "in TF32" : "exact",
      ", convolutions ",
      settings.cudnn_benchmark ? "chosen by trial" : "chosen by rule");
}

}  // namespace atelier::trainer
