// Result<T>: a value or an Error. Nothing of ours throws.
#pragma once

#include <expected>

#include "base/error.h"

namespace millrace {

template <class T>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

inline Failure fail(ErrorKind kind, std::string message, std::string cure = {}) {
  return Failure(Error(kind, std::move(message), std::move(cure)));
}

}  // namespace millrace
