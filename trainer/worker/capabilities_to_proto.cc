#include "trainer/worker/capabilities_to_proto.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

#include "atelier/v1/worker.pb.h"

namespace atelier::trainer {

std::string CapabilitiesJson(const Capabilities& capabilities) {
  v1::WorkerCapabilities proto;
  proto.set_version(ATELIER_VERSION);
  for (const std::string& name : capabilities.architectures) {
    v1::Architecture architecture;
    if (v1::Architecture_Parse(
            absl::StrCat("ARCHITECTURE_", absl::AsciiStrToUpper(name)),
            &architecture)) {
      proto.add_architectures(architecture);
    }
  }
  for (const std::string& name : capabilities.optimizers) {
    proto.add_optimizers(name);
  }
  for (const std::string& name : capabilities.samplers) {
    proto.add_samplers(name);
  }
  proto.set_has_cuda(capabilities.has_cuda);
  proto.set_cuda_message(capabilities.cuda_message);
  proto.set_torch_version(capabilities.torch_version);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  return google::protobuf::util::MessageToJsonString(proto, &json, options).ok()
             ? json
             : "{}";
}

}  // namespace atelier::trainer
