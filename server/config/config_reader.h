// Takes typed values out of a TOML file and remembers what was wrong with them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace atelier::server {

struct Bounds {
  double min;
  double max;
};

// Every method reads one key; a key that is not there leaves `out` as it is.
class ConfigReader {
 public:
  // `file` names the text in errors, and its folder is where relative paths
  // start.
  // Errors: INVALID_ARGUMENT with FILE:LINE:COLUMN.
  static absl::StatusOr<ConfigReader> Parse(absl::string_view toml,
                                            const std::string& file);
  ConfigReader(ConfigReader&&) noexcept;
  ~ConfigReader();

  // Comes out absolute. Empty stays empty.
  void Path(const char* key, std::string* out);
  void Integer(const char* key, Bounds bounds, int* out);
  void Number(const char* key, Bounds bounds, double* out);
  void Seconds(const char* key, Bounds bounds, absl::Duration* out);
  void Bytes(const char* key, int64_t* out);
  void Flag(const char* key, bool* out);
  bool Text(const char* key, std::string* out);
  // HOST:PORT, or empty.
  void Address(const char* key, std::string* out);
  void Choice(const char* key, const std::vector<std::string>& choices,
              std::string* out);

  void Texts(const char* key, std::vector<std::string>* out);
  // Keys of a table with one of the choices each.
  void Choices(const char* key, const std::vector<std::string>& choices,
               std::map<std::string, std::string>* out);
  // Reads a table by `read`, which is called even where there is none; what it
  // finds wrong is found wrong here.
  void Table(const char* key, const std::function<void(ConfigReader&)>& read);

  // What was wrong, all of it; keys that nobody read among it.
  absl::Status Finish() const;

 private:
  struct Values;
  ConfigReader(std::unique_ptr<Values> table, std::string file);

  // Reads a number and checks its bounds; false: not there or at fault.
  bool Bounded(const char* key, Bounds bounds, double* out);
  // Says what is wrong with a key that is there.
  void Refuse(const char* key, absl::string_view expected);
  std::vector<std::string> Problems() const;

  std::unique_ptr<Values> table_;
  std::string file_;
  std::vector<std::string> known_;
  std::vector<std::string> problems_;
};

}  // namespace atelier::server
