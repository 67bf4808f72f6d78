// What a mirror holds of a source table, for `verify`: each row in the canonical text of
// wire/duckdb/postgres_text.h, so that a row of the source, read as text and put through
// canonical_text(), is equal byte for byte.
#pragma once

#include "sink/duckdb/duckdb_sink.h"
#include "wire/duckdb/query.h"

namespace millrace::duckdb {

// The rows of `table` in no particular order; values as many as it has captured columns, in their
// order. The row's views die with the call; false ends the reading. Reads what is committed, in one
// read-only transaction. Error: kNotFound when the table, or a column of it, is not mirrored.
Result<void> mirror_rows(Database& database, const DuckDbSinkConfig& config,
                         const TableSchema& table, const std::function<bool(TextRow)>& row);

}  // namespace millrace::duckdb
