// The syntax tree of a branch's SQL, as DuckDB's json_serialize_sql gives it: what is refused, and
// the rewriting.
#pragma once

#include <string>
#include <vector>

#include "wire/duckdb/database.h"

namespace millrace::duckdb {

// Output column of a rewritten statement, its first: the number of the change that the row came
// from.
inline constexpr const char* kOrderAlias = "millrace_order";

// `sql` with `relation` in the place of `changes` and with the order column in front. Errors:
// kConfig.
Result<std::string> rewrite_row_statement(Connection& connection, const std::string& sql,
                                          const std::string& relation);

// The names of the output columns as the text gives them; "" where it gives none, "*" for a star.
Result<std::vector<std::string>> output_names(Connection& connection, const std::string& sql);

}  // namespace millrace::duckdb
