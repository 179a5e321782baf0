#include "client/client_config.h"

#include <sys/un.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"
#include "proto/cc/toml.h"

namespace atelier::client {
namespace {

constexpr size_t kSocketPathLimit = sizeof(sockaddr_un::sun_path) - 1;
constexpr absl::string_view kMachineSocket = "/run/atelier/atelier.sock";

std::string ConfigPath(const Context& context) {
  std::string base = context.env("XDG_CONFIG_HOME");
  if (base.empty()) {
    const std::string home = context.env("HOME");
    if (home.empty()) return "";
    base = absl::StrCat(home, "/.config");
  }
  return absl::StrCat(base, "/atelier/config.toml");
}

// `server` of a configuration file; empty where there is none.
absl::StatusOr<std::string> ConfiguredServer(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(path, ignored)) return "";
  const toml::parse_result parsed = toml::parse_file(path);
  if (!parsed) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", parsed.error().source().begin.line, ": ",
                     std::string(parsed.error().description())));
  }
  std::string server;
  for (const auto& [key, node] : parsed.table()) {
    const std::string name(key.str());
    if (name != "server") {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", key.source().begin.line, ": unknown key ",
                       name, DidYouMean(name, {"server"})));
    }
    if (!node.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", key.source().begin.line,
                       ": server must be a text, \"unix:/path\" or "
                       "\"host:port\""));
    }
    server = node.as_string()->get();
  }
  return server;
}

std::string DefaultSocket(const Context& context) {
  const std::string runtime = context.env("XDG_RUNTIME_DIR");
  if (!runtime.empty()) {
    const std::string own = absl::StrCat(runtime, "/atelier/atelier.sock");
    std::error_code ignored;
    if (std::filesystem::exists(own, ignored)) return own;
  }
  return std::string(kMachineSocket);
}

}  // namespace

absl::StatusOr<std::string> ParseServerAddress(absl::string_view text) {
  absl::string_view path = text;
  if (absl::ConsumePrefix(&path, "unix:") || absl::StartsWith(text, "/")) {
    absl::ConsumePrefix(&path, "//");
    if (!absl::StartsWith(path, "/")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "server is \"", text, "\"; a socket's path must be absolute"));
    }
    if (path.size() > kSocketPathLimit) {
      return absl::InvalidArgumentError(
          absl::StrCat("server is \"", text,
                       "\"; a socket's path must be at "
                       "most ",
                       kSocketPathLimit, " bytes long"));
    }
    return absl::StrCat("unix:", path);
  }
  const size_t colon = text.rfind(':');
  int port = 0;
  const bool is_address = colon != text.npos && colon > 0 &&
                          absl::SimpleAtoi(text.substr(colon + 1), &port) &&
                          port > 0 && port < 65536;
  if (is_address) return std::string(text);
  return absl::InvalidArgumentError(absl::StrCat(
      "server is \"", text, "\"; must be unix:/path/to/socket or host:port"));
}

absl::StatusOr<std::string> ServerAddress(const std::string& flag,
                                          const Context& context) {
  if (!flag.empty()) return ParseServerAddress(flag);
  const std::string variable = context.env("ATELIER_SERVER");
  if (!variable.empty()) return ParseServerAddress(variable);
  ASSIGN_OR_RETURN(const std::string configured,
                   ConfiguredServer(ConfigPath(context)));
  if (!configured.empty()) return ParseServerAddress(configured);
  return ParseServerAddress(DefaultSocket(context));
}

}  // namespace atelier::client
