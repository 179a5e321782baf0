#include "server/access/path_roots.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/dataset_file.h"
#include "proto/cc/options_schema.h"

namespace atelier::server {
namespace {

namespace fs = std::filesystem;

fs::path Resolved(const fs::path& path) {
  std::error_code error;
  fs::path resolved = fs::weakly_canonical(path, error);
  return error ? fs::path() : resolved;
}

// Resolved component by component, so `/data` does not hold `/database`.
bool IsBelow(const fs::path& path, const std::string& root) {
  const fs::path top = Resolved(root);
  if (top.empty() || path.empty()) return false;
  return std::mismatch(top.begin(), top.end(), path.begin(), path.end())
             .first == top.end();
}

// Empty: it lies within a root.
std::string Fault(const fs::path& path, const std::vector<std::string>& roots) {
  const fs::path resolved = Resolved(path);
  for (const std::string& root : roots)
    if (IsBelow(resolved, root)) return "";
  const bool moved = !resolved.empty() && resolved != path;
  return absl::StrCat(moved ? absl::StrCat(" (", resolved.string(), ")") : "",
                      ", which is not below ", absl::StrJoin(roots, " or "));
}

// Calls `visit` with the paths of a dataset file: texts of keys named
// `…_dir` and `…_file`, relative ones below the file's folder.
template <typename Visit>
void VisitPaths(const toml::table& table, const Visit& visit) {
  for (const auto& [key, node] : table) {
    if (const auto* inner = node.as_table()) VisitPaths(*inner, visit);
    if (const auto* list = node.as_array())
      for (const toml::node& element : *list)
        if (const auto* inner = element.as_table()) VisitPaths(*inner, visit);
    const bool is_path = absl::EndsWith(std::string(key.str()), "_dir") ||
                         absl::EndsWith(std::string(key.str()), "_file");
    if (is_path && node.is_string())
      visit(std::string(key.str()), node.as_string()->get());
  }
}

void CheckDatasetFile(const std::string& file,
                      const std::vector<std::string>& roots,
                      std::vector<Violation>* violations) {
  if (file.empty()) return;
  // One that does not parse is refused elsewhere.
  const auto table = ReadDatasetFile(file);
  if (!table.ok()) return;
  VisitPaths(*table, [&](const std::string& key, const std::string& path) {
    const std::string fault = Fault(fs::path(file).parent_path() / path, roots);
    if (!fault.empty())
      violations->push_back(
          {"training.dataset.dataset_config",
           absl::StrCat(file, ": ", key, " is ", path, fault)});
  });
}

}  // namespace

std::vector<Violation> CheckRoots(const PathRoots& roots,
                                  const v1::TrainingConfig& config) {
  std::vector<Violation> violations;
  for (const Option* option : SetOptions(config)) {
    const v1::PathKind kind = option->info.path();
    if (kind == v1::PATH_KIND_UNSPECIFIED) continue;
    const auto& allowed =
        kind == v1::PATH_KIND_OUTPUT_FOLDER ? roots.outputs : roots.inputs;
    if (allowed.empty()) continue;
    for (const OptionValue& value : OptionValues(*option, config)) {
      const std::string& path = std::get<std::string>(value);
      const std::string fault = Fault(path, allowed);
      if (!fault.empty())
        violations.push_back(
            {option->path, absl::StrCat(option->name, " is ", path, fault)});
    }
  }
  if (!roots.inputs.empty())
    CheckDatasetFile(config.dataset().dataset_config(), roots.inputs,
                     &violations);
  return violations;
}

}  // namespace atelier::server
