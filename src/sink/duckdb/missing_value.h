// A value of PostgreSQL's as a literal of DuckDB's.
#pragma once

#include <optional>
#include <string>

#include "wire/duckdb/database.h"

namespace millrace::duckdb {

// SQL that gives `text` (PostgreSQL's) as `type`; nullopt where DuckDB cannot hold it.
Result<std::optional<std::string>> literal_of(Connection& connection, StorageType type,
                                              const std::string& text);

}  // namespace millrace::duckdb
