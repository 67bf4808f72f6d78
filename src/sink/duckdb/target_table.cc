#include "sink/duckdb/target_table.h"

#include <algorithm>

#include "base/log.h"

namespace millrace::duckdb {

size_t TargetTable::stored_at(std::string_view name) const {
  size_t at = 0;
  while (at < stored_.size() && !same_ignoring_case(stored_[at].name, name))
    ++at;
  return at;
}

size_t TargetTable::owner_of(std::string_view target) const {
  size_t at = 0;
  while (at < known_.size() && !same_ignoring_case(known_[at].target, target))
    ++at;
  return at;
}

// By number; a column whose number is unknown, or whose table was made anew, by name.
size_t TargetTable::known_at(const TableSchema& schema, const Column& column) const {
  auto has_number = [&](const KnownColumn& known) {
    return known.oid == schema.oid && known.attnum != 0 && column.attnum != 0;
  };
  const auto by_number = std::find_if(known_.begin(), known_.end(), [&](const KnownColumn& known) {
    return has_number(known) && known.attnum == column.attnum;
  });
  if (by_number != known_.end()) return static_cast<size_t>(by_number - known_.begin());
  const auto by_name = std::find_if(known_.begin(), known_.end(), [&](const KnownColumn& known) {
    return !has_number(known) && known.source == column.name;
  });
  return static_cast<size_t>(by_name - known_.begin());
}

bool TargetTable::is_used(const TableSchema& schema, size_t known) const {
  return std::any_of(schema.columns.begin(), schema.columns.end(), [&](const Column& column) {
    return column.is_kept() && known_at(schema, column) == known;
  });
}

Result<void> TargetTable::read(Connection& connection, Bookkeeping& bookkeeping) {
  const std::string where = " WHERE lower(schema_name) = lower(" + quote_text(name_.schema) +
                            ") AND table_name = " + quote_text(name_.table) +
                            " AND database_name = current_database()";
  auto defaults = connection.query("SELECT column_name, column_default FROM duckdb_columns()" +
                                   where + " ORDER BY column_index");
  if (!defaults) return Failure(defaults.error());
  stored_.clear();
  known_.clear();
  places_.clear();
  if (defaults->row_count() > 0) {
    auto none = connection.query("SELECT * FROM " + name_.sql() + " LIMIT 0");
    if (!none) return Failure(none.error());
    for (uint64_t i = 0; i < none->column_count(); ++i) {
      const std::string standard = defaults->text(i, 1).value_or("");
      stored_.push_back(
          {none->column_name(i), none->column_type(i), !standard.empty() && standard != "NULL"});
    }
    auto known = bookkeeping.columns(name_.sql());
    if (!known) return Failure(known.error());
    known_ = std::move(*known);
  }
  is_read_ = true;
  return {};
}

Result<bool> TargetTable::fit(Connection& connection, Bookkeeping& bookkeeping,
                              const TableSchema& schema, Lsn at) {
  const std::lock_guard lock(connection.database().ddl());
  if (auto begun = connection.begin(); !begun) return Failure(begun.error());
  Fitting fitting{connection, schema, at};
  auto changed = fit_now(bookkeeping, fitting);
  if (changed) {
    auto done = connection.commit();
    if (done) return changed;
    changed = Failure(done.error());
  }
  connection.roll_back();
  is_read_ = false;
  return Failure(changed.error().in("table " + name_.text() + " for " + schema.full_name()));
}

Result<bool> TargetTable::fit_now(Bookkeeping& bookkeeping, Fitting& fitting) {
  if (!is_read_) {
    auto exists = table_exists(fitting.connection, name_);
    if (!exists) return exists;
    if (auto done = read(fitting.connection, bookkeeping); !done) return Failure(done.error());
  }
  auto claimed = bookkeeping.claim(name_.sql(), !stored_.empty());
  if (!claimed) return claimed;
  auto changed = fit_source(bookkeeping, fitting);
  if (changed) changed = stored_.empty() ? create(fitting) : alter(fitting);
  if (!changed) return changed;
  std::vector<size_t>& places = places_[fitting.schema.version];
  places.clear();
  for (const Column& column : fitting.schema.columns)
    places.push_back(known_at(fitting.schema, column));
  if (!*changed) return false;
  if (auto done = bookkeeping.store_columns(name_.sql(), known_); !done) {
    return Failure(done.error());
  }
  return true;
}

// A target holds the rows of one source table. Those of a table that was made anew go when its
// first row comes (MirrorTable), not here.
Result<bool> TargetTable::fit_source(Bookkeeping& bookkeeping, Fitting& fitting) const {
  const TableSchema& schema = fitting.schema;
  auto before = bookkeeping.source(name_.sql());
  if (!before) return Failure(before.error());
  KnownSource now{schema.full_name(), schema.oid, schema.file_node, 0};
  for (const Column& column : schema.columns)
    now.attnum_max = std::max(now.attnum_max, column.attnum);
  if (*before) {
    const KnownSource& known = **before;
    const bool is_same = known.oid == schema.oid;
    if (known.name != now.name && (!is_same || schema.oid == 0)) {
      return fail(ErrorKind::kConfig,
                  "it is the mirror of " + known.name + " already, and holds one table",
                  "put ${schema} and ${table} into duckdb.table, or give the table a branch of its "
                  "own; if " +
                      known.name + " is gone for good, DROP TABLE " + name_.sql() +
                      " and delete its row from _millrace.sources");
    }
    if (!is_same) return true;
    fitting.attnum_before = known.attnum_max;
    fitting.is_rewritten = known.file_node == 0 || known.file_node != schema.file_node;
    now.attnum_max = std::max(now.attnum_max, known.attnum_max);
    if (now == known) return true;
  }
  if (auto done = bookkeeping.store_source(name_.sql(), now); !done) return Failure(done.error());
  return true;
}

Result<bool> TargetTable::create(const Fitting& fitting) {
  const TableSchema& schema = fitting.schema;
  std::string list;
  for (const StoredColumn& column : stored_columns(schema)) {
    list += (list.empty() ? "" : ", ") + quote_name(column.name) + " " + sql_name(column.type);
    stored_.push_back({column.name, column.type});
    const Column& source = schema.columns[column.index];
    known_.push_back(
        {schema.oid, source.attnum, source.name, column.name, source.type.oid, source.type.typmod});
  }
  if (list.empty()) {
    return fail(ErrorKind::kConfig,
                "it has no captured column, and DuckDB knows no table without columns",
                "leave the table out of this branch");
  }
  auto done = fitting.connection.execute("CREATE SCHEMA IF NOT EXISTS " + quote_name(name_.schema) +
                                         "; CREATE TABLE " + name_.sql() + " (" + list + ")");
  if (!done) return Failure(done.error());
  return true;
}

std::vector<TargetColumn> TargetTable::columns_of(const TableSchema& schema) const {
  const auto fitted = places_.find(schema.version);
  std::vector<TargetColumn> out;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const Column& column = schema.columns[i];
    if (!column.is_kept()) continue;
    const size_t known = fitted == places_.end() ? known_at(schema, column) : fitted->second[i];
    if (known == known_.size()) continue;
    const size_t at = stored_at(known_[known].target);
    if (at == stored_.size()) continue;
    out.push_back(
        {static_cast<uint16_t>(i), stored_[at].name, stored_[at].type, storage_of(column.type)});
  }
  return out;
}

}  // namespace millrace::duckdb
