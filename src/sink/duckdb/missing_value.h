// A value of PostgreSQL's as a literal of DuckDB's.
#pragma once

#include <optional>
#include <string>

#include "wire/duckdb/database.h"

namespace millrace::duckdb {

// `text` (PostgreSQL's) as a string literal that DuckDB reads as `type`; nullopt where DuckDB
// cannot hold it. No CAST around it: of a default that is no mere constant ADD COLUMN writes the
// value into the rows as an update does, and after that no other ALTER of the transaction can be
// committed.
Result<std::optional<std::string>> literal_of(Connection& connection, StorageType type,
                                              const std::string& text);

}  // namespace millrace::duckdb
