#include "wire/duckdb/query.h"

#include <cctype>

#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

namespace {

// Every column as text, whatever its name and type. A line break keeps a comment at the end from
// eating the bracket.
std::string as_text(std::string sql, size_t columns) {
  while (!sql.empty() &&
         (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back())))) {
    sql.pop_back();
  }
  std::string casts;
  std::string names;
  for (size_t i = 0; i < columns; ++i) {
    const std::string name = "c" + std::to_string(i);
    if (i > 0) casts += ", ", names += ", ";
    casts += "CAST(" + name + " AS VARCHAR)";
    names += name;
  }
  return "SELECT " + casts + " FROM (" + sql + "\n) AS q(" + names + ")";
}

// A statement that cannot stand in brackets (PRAGMA, EXPLAIN): its few rows have basic types.
Result<void> read_plain(Statement& statement, size_t columns, const RowReader& reader) {
  auto result = statement.execute();
  if (!result) return Failure(result.error());
  for (uint64_t row = 0; row < result->row_count(); ++row) {
    std::vector<std::optional<std::string>> texts;
    texts.reserve(columns);
    for (uint64_t i = 0; i < columns; ++i)
      texts.push_back(result->text(row, i));
    std::vector<std::optional<std::string_view>> views(texts.begin(), texts.end());
    if (!reader.row(views)) break;
  }
  return {};
}

Result<void> read_stream(Statement& statement, size_t columns, const RowReader& reader) {
  auto result = statement.stream();
  if (!result) return Failure(result.error());
  std::vector<std::optional<std::string_view>> views(columns);
  while (true) {
    auto chunk = statement.fetch(*result);
    if (!chunk) return Failure(chunk.error());
    if (!*chunk) return {};
    for (uint64_t row = 0; row < (*chunk)->rows(); ++row) {
      for (uint64_t i = 0; i < columns; ++i) {
        views[i] =
            (*chunk)->is_null(row, i) ? std::nullopt : std::optional((*chunk)->varchar(row, i));
      }
      if (!reader.row(views)) return {};
    }
  }
}

Result<void> run_query(Connection& connection, const std::string& sql, const RowReader& reader,
                       const std::stop_token& stop) {
  auto count = connection.count_statements(sql);
  if (!count) return Failure(count.error());
  if (*count != 1)
    return fail(ErrorKind::kConfig, "that is not one SQL statement", "write one SELECT");
  auto statement = connection.prepare(sql);
  if (!statement) return Failure(statement.error());
  const StatementType type = statement->type();
  if (type != StatementType::kSelect && type != StatementType::kPragma &&
      type != StatementType::kExplain) {
    return fail(ErrorKind::kConfig, "only statements that read are run here",
                "write a SELECT; the tables are written by the pipeline alone");
  }
  const auto names = statement->column_names();
  reader.columns(names);
  auto text = connection.prepare(as_text(sql, names.size()));
  // Only what runs already is interrupted.
  if (stop.stop_requested()) return fail(ErrorKind::kStopped, "stopped before it began");
  return text ? read_stream(*text, names.size(), reader)
              : read_plain(*statement, names.size(), reader);
}

}  // namespace

Result<void> query_rows(Database& database, const std::string& sql, const RowReader& reader,
                        const std::stop_token& stop) {
  auto connection = database.connect();
  if (!connection) return Failure(connection.error());
  if (auto begun = connection->execute("BEGIN TRANSACTION READ ONLY"); !begun) {
    return Failure(begun.error());
  }
  Result<void> done;
  {
    const std::stop_callback ends(stop, [&] { connection->interrupt(); });
    done = run_query(*connection, sql, reader, stop);
  }
  connection->roll_back();
  if (!done && stop.stop_requested())
    return fail(ErrorKind::kStopped, "stopped before it was done");
  return done;
}

}  // namespace millrace::duckdb
