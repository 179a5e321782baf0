// The secret by which a worker proves that it is the one that was started, and
// hashes of what requests said.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace atelier::server {

// 256 random bits as 64 hexadecimal digits.
std::string MakeAttemptToken();

// Lower-case hexadecimal SHA-256; what the database keeps of a token.
std::string Sha256Hex(absl::string_view bytes);

// Whether `token` has that hash, in time that does not depend on where they
// differ.
bool TokenMatches(absl::string_view token, absl::string_view token_hash);

// SHA-256 of a message in its deterministic form: the same for equal messages
// within one program.
std::string RequestBodyHash(const google::protobuf::Message& message);

// A version 7 UUID: time-ordered, else random.
std::string MakeUid(int64_t unix_ms);

}  // namespace atelier::server
