#include "server/jobs/attempt_token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace atelier::server {
namespace {

template <size_t N>
std::array<unsigned char, N> RandomBytes() {
  std::array<unsigned char, N> bytes;
  // Without randomness there are no secrets: nothing sensible can follow.
  if (RAND_bytes(bytes.data(), static_cast<int>(N)) != 1) abort();
  return bytes;
}

template <typename Bytes>
std::string Hex(const Bytes& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

std::string MakeAttemptToken() { return Hex(RandomBytes<32>()); }

std::string Sha256Hex(absl::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         digest.data());
  return Hex(digest);
}

bool TokenMatches(absl::string_view token, absl::string_view token_hash) {
  const std::string hash = Sha256Hex(token);
  return hash.size() == token_hash.size() &&
         CRYPTO_memcmp(hash.data(), token_hash.data(), hash.size()) == 0;
}

std::string RequestBodyHash(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return Sha256Hex(bytes);
}

std::string MakeUid(int64_t unix_ms) {
  std::array<unsigned char, 16> bytes = RandomBytes<16>();
  // RFC 9562, 5.7: 48 bits of time, version 7, variant 10.
  for (size_t i = 0; i < 6; ++i) {
    bytes[i] = static_cast<unsigned char>(unix_ms >> (8 * (5 - i)));
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = Hex(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

}  // namespace atelier::server
