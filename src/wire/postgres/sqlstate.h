// What kind of error a SQLSTATE is. https://www.postgresql.org/docs/current/errcodes-appendix.html
#pragma once

#include <string_view>

#include "base/error.h"

namespace millrace::postgres {

// `state` are the five characters; empty: the error did not come from the server (kUnreachable).
ErrorKind kind_of_sqlstate(std::string_view state);

}  // namespace millrace::postgres
