#include "server/gpu/xid.h"

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

struct XidRow {
  int64_t xid;
  bool is_fatal;
  const char* text;
};

constexpr XidRow kXids[] = {
    {13, false, "a program made the graphics engine fail"},
    {31, false, "a program used memory that is not its own"},
    {43, false, "a program was stopped on the GPU"},
    {45, false, "a program's channels were cleaned up"},
    {46, true, "the GPU stopped processing"},
    {48, true, "uncorrectable memory error"},
    {61, true, "internal microcontroller breakpoint"},
    {62, true, "internal microcontroller halted"},
    {64, true, "a bad row of memory could not be retired"},
    {74, true, "NVLink error"},
    {79, true, "the GPU has fallen off the bus"},
    {92, false, "many corrected memory errors"},
    {94, false, "uncorrectable memory error, contained to one program"},
    {95, true, "uncorrectable memory error, not contained"},
    {110, true, "security fault"},
    {119, true, "the GPU's system processor does not answer"},
    {120, true, "the GPU's system processor failed"},
    {136, true, "the link could not be trained"},
    {140, true, "memory errors that were not recovered from"},
    {143, true, "the GPU could not be initialised"},
    {154, true, "the GPU asks to be reset"},
};

const XidRow* FindXid(int64_t xid) {
  for (const XidRow& row : kXids)
    if (row.xid == xid) return &row;
  return nullptr;
}

}  // namespace

bool IsFatalXid(int64_t xid) {
  const XidRow* row = FindXid(xid);
  return row != nullptr && row->is_fatal;
}

std::string XidText(int64_t xid) {
  const XidRow* row = FindXid(xid);
  if (row == nullptr) return absl::StrCat("XID ", xid);
  return absl::StrCat("XID ", xid, ": ", row->text);
}

}  // namespace atelier::server
