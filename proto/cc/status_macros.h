// RETURN_IF_ERROR(expr) and ASSIGN_OR_RETURN(declaration, expr): pass a failed
// status on to the caller, adding this place to its trail.
#pragma once

#include <utility>

#include "absl/status/statusor.h"

#include "proto/cc/status.h"

#define RETURN_IF_ERROR(expr)                                       \
  do {                                                              \
    if (absl::Status atelier_status = (expr); !atelier_status.ok()) \
      return ::atelier::AddLocation(std::move(atelier_status));     \
  } while (false)

#define ATELIER_CONCAT_INNER(a, b) a##b
#define ATELIER_CONCAT(a, b) ATELIER_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN(declaration, expr) \
  ATELIER_ASSIGN(ATELIER_CONCAT(atelier_or_, __LINE__), declaration, expr)
#define ATELIER_ASSIGN(result, declaration, expr)                              \
  auto result = (expr);                                                        \
  if (!result.ok()) return ::atelier::AddLocation(std::move(result).status()); \
  declaration = *std::move(result)
