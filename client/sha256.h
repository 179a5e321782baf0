// SHA-256 of bytes that come in pieces.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

#include "openssl/evp.h"

namespace atelier::client {

class Sha256 {
 public:
  Sha256();

  void Add(absl::string_view bytes);
  // Lower-case hexadecimal, of everything so far. Ends the digest.
  std::string Finish();

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace atelier::client
