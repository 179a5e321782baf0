#include "server/metrics/http_exporter.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "prometheus/exposer.h"

namespace atelier::server {

HttpExporter::HttpExporter(std::unique_ptr<prometheus::Exposer> exposer,
                           std::string address)
    : exposer_(std::move(exposer)), address_(std::move(address)) {}

HttpExporter::~HttpExporter() = default;

absl::StatusOr<std::unique_ptr<HttpExporter>> HttpExporter::Listen(
    const std::string& address, const Metrics& metrics) {
  std::unique_ptr<prometheus::Exposer> exposer;
  // civetweb's wrapper throws where it cannot listen.
  try {
    exposer = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics at ", address, ": ", error.what(),
                     "; choose another metrics_listen"));
  }
  const std::vector<int> ports = exposer->GetListeningPorts();
  if (ports.empty()) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics at ", address));
  }
  for (const auto& collectable : metrics.Collectables()) {
    exposer->RegisterCollectable(collectable);
  }
  std::string actual =
      absl::StrCat(address.substr(0, address.rfind(':')), ":", ports.front());
  return std::unique_ptr<HttpExporter>(
      new HttpExporter(std::move(exposer), std::move(actual)));
}

}  // namespace atelier::server
