#include "sink/duckdb/bookkeeping.h"

#include <charconv>

#include "wire/duckdb/table_columns.h"
#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

namespace {

constexpr const char* kTables =
    "CREATE SCHEMA IF NOT EXISTS _millrace;"
    "CREATE TABLE IF NOT EXISTS _millrace.progress"
    "(pipeline VARCHAR, branch VARCHAR, stream VARCHAR, \"offset\" VARCHAR);"
    "CREATE TABLE IF NOT EXISTS _millrace.targets"
    "(target VARCHAR, pipeline VARCHAR, branch VARCHAR, made BOOLEAN);"
    "CREATE TABLE IF NOT EXISTS _millrace.sources"
    "(target VARCHAR, source VARCHAR, oid UINTEGER, file_node UINTEGER, attnum_max SMALLINT);"
    "CREATE TABLE IF NOT EXISTS _millrace.columns"
    "(target VARCHAR, oid UINTEGER, attnum SMALLINT, source_column VARCHAR, target_column VARCHAR);"
    "ALTER TABLE _millrace.columns ADD COLUMN IF NOT EXISTS type_oid UINTEGER DEFAULT 0;"
    "ALTER TABLE _millrace.columns ADD COLUMN IF NOT EXISTS typmod INTEGER DEFAULT -1;"
    "ALTER TABLE _millrace.columns ADD COLUMN IF NOT EXISTS added_at UBIGINT DEFAULT 0;"
    "CREATE TABLE IF NOT EXISTS _millrace.unfinished"
    "(pipeline VARCHAR, branch VARCHAR, target VARCHAR)";

template <class T>
T number(const std::string& text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<void> Bookkeeping::run(const std::string& sql) {
  auto done = connection_.execute(sql);
  if (!done) return Failure(done.error());
  return {};
}

std::string Bookkeeping::is_ours() const {
  return "pipeline = " + quote_text(pipeline_) + " AND branch = " + quote_text(branch_);
}

Result<void> Bookkeeping::open() {
  const std::lock_guard lock(connection_.database().ddl());
  return run(kTables);
}

Result<Progress> Bookkeeping::progress() {
  auto rows =
      connection_.query("SELECT stream, \"offset\" FROM _millrace.progress WHERE " + is_ours());
  if (!rows) return Failure(rows.error());
  Progress out;
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    const auto offset = offset_from_json(rows->text(row, 1).value_or(""));
    if (!offset) {
      return fail(ErrorKind::kGap, "the stored progress of branch " + branch_ + " cannot be read",
                  "remove its row from _millrace.progress; the branch takes a new snapshot then");
    }
    out.insert_or_assign(rows->text(row, 0).value_or(""), *offset);
  }
  stored_ = out;
  return out;
}

Result<void> Bookkeeping::store(const Progress& progress) {
  for (const auto& [stream, offset] : progress) {
    const auto known = stored_.find(stream);
    if (known != stored_.end() && known->second == offset) continue;
    const std::string json = quote_text(to_json(offset));
    auto changed =
        connection_.execute("UPDATE _millrace.progress SET \"offset\" = " + json + " WHERE " +
                            is_ours() + " AND stream = " + quote_text(stream));
    if (!changed) return Failure(changed.error());
    if (*changed > 0) continue;
    auto done = run("INSERT INTO _millrace.progress VALUES (" + quote_text(pipeline_) + ", " +
                    quote_text(branch_) + ", " + quote_text(stream) + ", " + json + ")");
    if (!done) return done;
  }
  for (const auto& [stream, offset] : stored_) {
    if (progress.contains(stream)) continue;
    auto done = run("DELETE FROM _millrace.progress WHERE " + is_ours() +
                    " AND stream = " + quote_text(stream));
    if (!done) return done;
  }
  stored_ = progress;
  return {};
}

// DuckDB's names know no case.
Result<void> Bookkeeping::check_case(const std::string& target) {
  auto rows =
      connection_.query("SELECT target FROM _millrace.targets WHERE lower(target) = lower(" +
                        quote_text(target) + ") AND target <> " + quote_text(target));
  if (!rows) return Failure(rows.error());
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    const std::string other = rows->text(row, 0).value_or("");
    if (same_ignoring_case(other, target)) return Failure(case_error(other, target));
  }
  return {};
}

Error case_error(std::string_view one, std::string_view other) {
  return {ErrorKind::kConfig,
          "the tables " + std::string(one) + " and " + std::string(other) +
              " differ in case alone, and DuckDB does not tell upper from lower case in names",
          "leave one of them out by the branch's tables, or give it a branch of its own with "
          "another duckdb.schema or duckdb.table"};
}

Result<bool> Bookkeeping::claim(const std::string& target, bool exists) {
  if (auto done = check_case(target); !done) return Failure(done.error());
  auto owner = connection_.query(
      "SELECT pipeline, branch, made::VARCHAR FROM _millrace.targets WHERE target = " +
      quote_text(target));
  if (!owner) return Failure(owner.error());
  if (owner->row_count() == 0) {
    auto done = run("INSERT INTO _millrace.targets VALUES (" + quote_text(target) + ", " +
                    quote_text(pipeline_) + ", " + quote_text(branch_) + ", " +
                    (exists ? "false" : "true") + ")");
    if (!done) return Failure(done.error());
    return !exists;
  }
  const std::string pipeline = owner->text(0, 0).value_or("");
  const std::string branch = owner->text(0, 1).value_or("");
  if (pipeline == pipeline_ && branch == branch_) return owner->text(0, 2) == "true";
  return fail(ErrorKind::kConfig,
              "table " + target + " is written by branch " + branch + " of pipeline " + pipeline,
              "give this branch another duckdb.table or duckdb.schema; if the other one is gone "
              "for good, delete "
              "its row from _millrace.targets");
}

Result<std::optional<KnownSource>> Bookkeeping::source(const std::string& target) {
  auto rows = connection_.query(
      "SELECT source, oid, file_node, attnum_max FROM _millrace.sources WHERE target = " +
      quote_text(target));
  if (!rows) return Failure(rows.error());
  if (rows->row_count() == 0) return std::nullopt;
  return KnownSource{rows->text(0, 0).value_or(""),
                     number<uint32_t>(rows->text(0, 1).value_or("0")),
                     number<uint32_t>(rows->text(0, 2).value_or("0")),
                     number<int16_t>(rows->text(0, 3).value_or("0"))};
}

Result<void> Bookkeeping::store_source(const std::string& target, const KnownSource& source) {
  return run("DELETE FROM _millrace.sources WHERE target = " + quote_text(target) +
             "; INSERT INTO _millrace.sources VALUES (" + quote_text(target) + ", " +
             quote_text(source.name) + ", " + std::to_string(source.oid) + ", " +
             std::to_string(source.file_node) + ", " + std::to_string(source.attnum_max) + ")");
}

Result<std::vector<KnownColumn>> Bookkeeping::columns(const std::string& target) {
  // As text: UBIGINT has none of its own here (ResultSet::text).
  auto rows = connection_.query(
      "SELECT * REPLACE (added_at::VARCHAR AS added_at) FROM _millrace.columns WHERE target = " +
      quote_text(target) + " ORDER BY rowid");
  if (!rows) return Failure(rows.error());
  std::vector<KnownColumn> out;
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    const auto text = [&](uint64_t column) { return rows->text(row, column).value_or(""); };
    out.push_back({number<uint32_t>(text(1)), number<int16_t>(text(2)), text(3), text(4),
                   number<uint32_t>(text(5)), number<int32_t>(text(6)), number<Lsn>(text(7))});
  }
  return out;
}

Result<void> Bookkeeping::store_columns(const std::string& target,
                                        const std::vector<KnownColumn>& columns) {
  std::string sql = "DELETE FROM _millrace.columns WHERE target = " + quote_text(target);
  for (const KnownColumn& column : columns) {
    sql += "; INSERT INTO _millrace.columns VALUES (" + quote_text(target) + ", " +
           std::to_string(column.oid) + ", " + std::to_string(column.attnum) + ", " +
           quote_text(column.source) + ", " + quote_text(column.target) + ", " +
           std::to_string(column.type_oid) + ", " + std::to_string(column.typmod) + ", " +
           std::to_string(column.added_at) + ")";
  }
  return run(sql);
}

Result<std::set<std::string>> Bookkeeping::unfinished() {
  auto rows = connection_.query("SELECT target FROM _millrace.unfinished WHERE " + is_ours());
  if (!rows) return Failure(rows.error());
  std::set<std::string> out;
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    out.insert(rows->text(row, 0).value_or(""));
  }
  return out;
}

Result<void> Bookkeeping::add_unfinished(const std::string& target) {
  return run("INSERT INTO _millrace.unfinished VALUES (" + quote_text(pipeline_) + ", " +
             quote_text(branch_) + ", " + quote_text(target) + ")");
}

Result<void> Bookkeeping::clear_unfinished() {
  return run("DELETE FROM _millrace.unfinished WHERE " + is_ours());
}

Result<void> Bookkeeping::clear_unfinished(const std::string& target) {
  return run("DELETE FROM _millrace.unfinished WHERE " + is_ours() +
             " AND target = " + quote_text(target));
}

}  // namespace millrace::duckdb
