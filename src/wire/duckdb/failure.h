// DuckDB's errors as ours. A statement's own faults (syntax, names, types) keep DuckDB's sentence;
// an error that a row's value caused keeps only its class, for DuckDB quotes the value (I8).
#pragma once

#include <string_view>

#include "base/error.h"

namespace millrace::duckdb {

// `type`: duckdb_error_type.
Error error_of(int type, std::string_view message);

// The error type of a sentence that has none beside it: "Binder Error: …" → 24; an unknown class is
// the statement's fault.
int error_type_of(std::string_view message);

// Opening `file` failed.
Error open_error(std::string_view file, std::string_view message);

// The database takes no more work until it is opened again.
bool is_fatal(int type);

}  // namespace millrace::duckdb
