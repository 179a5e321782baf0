// Serves the metrics over HTTP at /metrics.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "server/metrics/registry.h"

namespace prometheus {
class Exposer;
}

namespace atelier::server {

class HttpExporter {
 public:
  // Listens on HOST:PORT; port 0 takes a free one. `metrics` outlives it.
  // Errors: UNAVAILABLE naming the address.
  static absl::StatusOr<std::unique_ptr<HttpExporter>> Listen(
      const std::string& address, const Metrics& metrics);
  ~HttpExporter();

  // HOST:PORT, the port as it is.
  const std::string& address() const { return address_; }

 private:
  HttpExporter(std::unique_ptr<prometheus::Exposer> exposer,
               std::string address);

  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace atelier::server
