// A file of numpy arrays, as numpy.savez and savez_compressed write it: a zip
// archive of .npy entries.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/checkpoint/torch_save/zip_archive.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// An archive in memory. Threads: any.
class NpzFile {
 public:
  // Reads the file and its directory; arrays are looked at when they are read.
  //
  // Errors: NOT_FOUND where there is no file; DATA_LOSS for one that is no
  // archive, a damaged one or one of more than kMostNpzBytes, naming it.
  static absl::StatusOr<NpzFile> Open(const std::string& path);

  bool Has(absl::string_view name) const;
  // Of its entries.
  std::vector<std::string> names() const;
  // Of the archive. numpy writes none and drops it when it writes the file
  // again.
  const std::string& comment() const { return directory_.comment; }
  const std::string& path() const { return path_; }

  // The array of this name, without `.npy`. Errors: NOT_FOUND; DATA_LOSS
  // naming file and array: wrong checksum, wrong size, more than
  // kMostArrayBytes.
  absl::StatusOr<Tensor> Read(absl::string_view name) const;

  // Every entry as it is in the archive, unpacked, by its whole name. Errors:
  // as Read; DATA_LOSS for more than kMostNpzBytes in all.
  absl::StatusOr<std::map<std::string, std::string>> Entries() const;

 private:
  NpzFile() = default;
  absl::StatusOr<std::string> Unpack(const std::string& entry) const;

  std::string path_;
  std::string bytes_;
  ZipDirectory directory_;
};

inline constexpr int64_t kMostArrayBytes = int64_t{1} << 28;
inline constexpr int64_t kMostNpzBytes = int64_t{1} << 30;

// An archive as numpy.savez lays it out, of entries by their whole names
// (`latents.npy`), in that order. The file appears whole or not at all.
//
// Errors: as AtomicFile; INVALID_ARGUMENT for more than 4 GiB.
absl::Status WriteNpz(const std::string& path,
                      const std::map<std::string, std::string>& entries,
                      absl::string_view comment);

// The name of an array's entry.
std::string NpzEntryName(absl::string_view array);

}  // namespace atelier::trainer
