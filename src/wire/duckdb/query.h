// Read-only SQL on a warehouse, every value as DuckDB's own text: what `millrace query` shows.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "wire/duckdb/database.h"

namespace millrace::duckdb {

using TextRow = std::span<const std::optional<std::string_view>>;

struct RowReader {
  // Once, before the rows.
  std::function<void(const std::vector<std::string>&)> columns;
  // The views die with the call. False: enough, the rest is not computed.
  std::function<bool(TextRow)> row;
};

// Runs one SELECT (WITH, FROM, VALUES, SHOW, DESCRIBE, SUMMARIZE, PRAGMA table_info, EXPLAIN) on a
// connection of its own, in a read-only transaction; sees what is committed. Rows are streamed.
// Errors: kConfig when the text is anything else, or DuckDB's sentence; kStopped when `stop` has
// ended it.
Result<void> query_rows(Database& database, const std::string& sql, const RowReader& reader,
                        const std::stop_token& stop = {});

}  // namespace millrace::duckdb
