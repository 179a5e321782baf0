#include "trainer/checkpoint/sha256.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"

namespace atelier::trainer {
namespace {

// OpenSSL's digest calls fail only when the library is broken or memory is
// gone.
void CheckDigest(int result) {
  if (result == 1) return;
  std::fputs("SHA-256 failed in OpenSSL\n", stderr);
  std::abort();
}

}  // namespace

struct Sha256::Context {
  Context() : digest(EVP_MD_CTX_new()) {
    CheckDigest(EVP_DigestInit_ex(digest, EVP_sha256(), nullptr));
  }
  ~Context() { EVP_MD_CTX_free(digest); }

  EVP_MD_CTX* digest;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Update(absl::string_view bytes) {
  CheckDigest(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()));
}

std::string Sha256::Finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CheckDigest(EVP_DigestFinal_ex(context_->digest, digest, &size));
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string Sha256Of(absl::string_view bytes) {
  Sha256 digest;
  digest.Update(bytes);
  return digest.Finish();
}

}  // namespace atelier::trainer
