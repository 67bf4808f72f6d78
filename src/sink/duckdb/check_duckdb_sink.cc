#include <filesystem>

#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/duckdb_sink.h"
#include "wire/duckdb/row_statement.h"

namespace millrace {

namespace {

Problem problem_of(const Error& error, std::string key) {
  return {Problem::Severity::kError, std::move(key), "", error.message, error.cure};
}

// Tables that would be one in DuckDB.
void check_names(const DuckDbSinkConfig& config, const BranchConfig& branch,
                 std::span<const TableSchema> captured, Problems& problems) {
  std::vector<std::string> targets;
  for (const TableSchema& table : captured) {
    if (!takes_table(branch, table)) continue;
    const std::string target = target_name(duckdb::target_rule(config), table).sql();
    for (const std::string& other : targets) {
      if (other == target || !duckdb::same_ignoring_case(other, target)) continue;
      problems.push_back(problem_of(duckdb::case_error(other, target), "tables"));
      break;
    }
    targets.push_back(target);
  }
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

Result<std::optional<Progress>> stored_duckdb_progress(const DuckDbSinkConfig& config,
                                                       const SinkContext& context) {
  std::error_code error;
  if (!std::filesystem::exists(config.file, error)) return Progress();
  auto database = duckdb::Database::open(config.file, {config.memory_max.value, config.threads});
  if (!database) return Failure(database.error());
  auto connection = (*database)->connect();
  if (!connection) return Failure(connection.error());
  auto found = connection->query(
      "SELECT 1 FROM duckdb_tables() WHERE schema_name = '_millrace' AND table_name = 'progress'");
  if (!found) return Failure(found.error());
  if (found->row_count() == 0) return Progress();
  return duckdb::Bookkeeping(*connection, context.pipeline, context.branch).progress();
}

Problems check_duckdb_sink(const DuckDbSinkConfig& config, const BranchConfig& branch,
                           std::span<const TableSchema> captured) {
  Problems problems;
  check_names(config, branch, captured, problems);
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
