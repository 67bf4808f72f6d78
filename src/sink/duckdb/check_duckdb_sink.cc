#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/duckdb_sink.h"
#include "wire/duckdb/row_statement.h"

namespace millrace {

namespace {

Problem problem_of(const Error& error, std::string key) {
  return {Problem::Severity::kError, std::move(key), "", error.message, error.cure};
}

}  // namespace

std::optional<Error> mode_error(const DuckDbSinkConfig& config, const BranchConfig& branch) {
  if (config.mode == DuckDbMode::kSql && branch.sql.empty()) {
    return Error(ErrorKind::kConfig, "duckdb.mode = sql needs sql in the branch",
                 "give the branch its sql, or use duckdb.mode = history");
  }
  if (config.mode == DuckDbMode::kMirror && !branch.sql.empty()) {
    return Error(ErrorKind::kConfig, "duckdb.mode = mirror takes no sql",
                 "use duckdb.mode = history, or leave the sql out");
  }
  return std::nullopt;
}

Problems check_duckdb_sink(const DuckDbSinkConfig& config, const BranchConfig& branch) {
  Problems problems;
  auto database = duckdb::Database::open(config.file, {config.memory_max.value, config.threads});
  if (!database) {
    problems.push_back(problem_of(database.error(), "duckdb.file"));
    return problems;
  }
  auto connection = (*database)->connect();
  if (!connection) {
    problems.push_back(problem_of(connection.error(), "duckdb.file"));
    return problems;
  }
  if (auto done = duckdb::Bookkeeping(*connection, "", branch.name).open(); !done) {
    problems.push_back(problem_of(done.error(), "duckdb.file"));
  }
  if (auto error = mode_error(config, branch))
    problems.push_back(problem_of(*error, "duckdb.mode"));
  for (const auto& [tables, sql] : branch.sql) {
    if (auto done = duckdb::check_row_statement(*connection, sql); !done) {
      problems.push_back(problem_of(done.error(), "sql"));
    }
  }
  return problems;
}

}  // namespace millrace
