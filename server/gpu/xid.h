// What an XID error means for the GPU (NVIDIA, "XID Errors", the catalogue of
// errors that the driver reports).
#pragma once

#include <cstdint>
#include <string>

namespace atelier::server {

// The GPU itself is at fault, or has to be reset before it can be trusted; any
// other error is blamed on the program that ran on it.
bool IsFatalXid(int64_t xid);

// `XID 79: the GPU has fallen off the bus`.
std::string XidText(int64_t xid);

}  // namespace atelier::server
