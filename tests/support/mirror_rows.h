// What a mirror holds of a source table, for tests of the mirror: each row in the canonical text of
// wire/duckdb/postgres_text.h, so that a row of the source, read as text and put through
// canonical_text(), is equal byte for byte.
#pragma once

#include <algorithm>

#include "sink/duckdb/duckdb_sink.h"
#include "sink/duckdb/target_table.h"
#include "wire/duckdb/postgres_text.h"
#include "wire/duckdb/query.h"

namespace millrace::duckdb {

inline Result<std::string> select_sql(Connection& connection, const TargetName& name,
                                      const TableSchema& table) {
  TargetTable target(name);
  Bookkeeping bookkeeping(connection, "", "");
  if (auto done = target.read(connection, bookkeeping); !done) return Failure(done.error());
  const auto columns = target.columns_of(table);
  const auto captured = std::count_if(table.columns.begin(), table.columns.end(),
                                      [](const Column& column) { return column.is_kept(); });
  if (columns.empty() || columns.size() != static_cast<size_t>(captured)) {
    return fail(ErrorKind::kNotFound,
                columns.empty() ? "table " + name.text() + " is not in the mirror"
                                : "table " + name.text() + " lacks columns of " + table.full_name(),
                "run the pipeline until it has read the table");
  }
  std::string list;
  for (const TargetColumn& column : columns) {
    list += (list.empty() ? "" : ", ") + postgres_text(quote_name(column.name), column.type);
  }
  return "SELECT " + list + " FROM " + name.sql();
}

// The rows of `table` in no particular order; values as many as it has captured columns, in their
// order. The row's views die with the call; false ends the reading. Reads what is committed, in one
// read-only transaction. Error: kNotFound when the table, or a column of it, is not mirrored.
inline Result<void> mirror_rows(Database& database, const DuckDbSinkConfig& config,
                                const TableSchema& table, const std::function<bool(TextRow)>& row) {
  auto connection = database.connect();
  if (!connection) return Failure(connection.error());
  auto sql = select_sql(*connection, target_name(mirror_rule(config), table), table);
  if (!sql) return Failure(sql.error());
  std::vector<const ColumnType*> types;
  for (const Column& column : table.columns) {
    if (column.is_kept()) types.push_back(&column.type);
  }
  std::vector<std::string> texts(types.size());
  std::vector<std::optional<std::string_view>> views(types.size());
  RowReader reader;
  reader.columns = [](const std::vector<std::string>&) {};
  reader.row = [&](TextRow stored) {
    for (size_t i = 0; i < types.size(); ++i) {
      views[i] = std::nullopt;
      if (!stored[i]) continue;
      texts[i] = canonical_text(*types[i], *stored[i]);
      views[i] = texts[i];
    }
    return row(views);
  };
  return query_rows(database, *sql, reader);
}

}  // namespace millrace::duckdb
