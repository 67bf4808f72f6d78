#include "sink/duckdb/target_table.h"

#include <algorithm>

#include "base/log.h"

namespace millrace::duckdb {

namespace {

bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// 'it''s'::text, '-1'::integer
std::optional<std::string> quoted_literal(std::string_view text) {
  std::string out;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '\'') {
      out += text[i];
    } else if (text.substr(i).starts_with("''")) {
      out += text[i++];
    } else {
      const std::string_view rest = text.substr(i + 1);
      const bool is_cast = rest.starts_with("::") && rest.find('\'') == std::string_view::npos;
      return rest.empty() || is_cast ? std::optional(out) : std::nullopt;
    }
  }
  return std::nullopt;
}

Result<void> run(Connection& connection, const std::string& sql) {
  auto done = connection.execute(sql);
  if (!done) return Failure(done.error());
  return {};
}

}  // namespace

std::optional<std::string> literal_default(const Column& column) {
  if (!column.default_expression) return std::nullopt;
  const std::string& text = *column.default_expression;
  const Storage kind = storage_of(column.type).kind;
  // Their text in DuckDB is another than PostgreSQL's.
  if (kind == Storage::kBlob || kind == Storage::kTimetz) return std::nullopt;
  if (text == "true" || text == "false" || is_number(text)) return text;
  if (text.starts_with('\'')) return quoted_literal(text);
  return std::nullopt;
}

size_t TargetTable::stored_at(std::string_view name) const {
  size_t at = 0;
  while (at < stored_.size() && !same_ignoring_case(stored_[at].name, name))
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

Result<void> TargetTable::read(Connection& connection, Bookkeeping& bookkeeping) {
  const std::string where = " WHERE schema_name = " + quote_text(name_.schema) +
                            " AND table_name = " + quote_text(name_.table) +
                            " AND database_name = current_database()";
  auto defaults = connection.query("SELECT column_name, column_default FROM duckdb_columns()" +
                                   where + " ORDER BY column_index");
  if (!defaults) return Failure(defaults.error());
  stored_.clear();
  known_.clear();
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
                              const TableSchema& schema) {
  const std::lock_guard lock(connection.database().ddl());
  if (auto begun = connection.begin(); !begun) return Failure(begun.error());
  auto changed = fit_now(connection, bookkeeping, schema);
  if (changed) {
    if (auto done = connection.commit(); done)
      return changed;
    else
      changed = Failure(done.error());
  }
  connection.roll_back();
  is_read_ = false;
  return Failure(changed.error().in("table " + name_.text() + " for " + schema.full_name()));
}

Result<bool> TargetTable::fit_now(Connection& connection, Bookkeeping& bookkeeping,
                                  const TableSchema& schema) {
  if (!is_read_) {
    if (auto done = read(connection, bookkeeping); !done) return Failure(done.error());
  }
  if (auto done = bookkeeping.claim(name_.sql(), !stored_.empty()); !done) {
    return Failure(done.error());
  }
  auto changed = stored_.empty() ? create(connection, schema) : alter(connection, schema);
  if (!changed || !*changed) return changed;
  if (auto done = bookkeeping.store_columns(name_.sql(), known_); !done) {
    return Failure(done.error());
  }
  return true;
}

Result<bool> TargetTable::create(Connection& connection, const TableSchema& schema) {
  std::string list;
  for (const StoredColumn& column : stored_columns(schema)) {
    list += (list.empty() ? "" : ", ") + quote_name(column.name) + " " + sql_name(column.type);
    stored_.push_back({column.name, column.type});
    const Column& source = schema.columns[column.index];
    known_.push_back({schema.oid, source.attnum, source.name, column.name});
  }
  if (list.empty()) {
    return fail(ErrorKind::kConfig,
                "it has no captured column, and DuckDB knows no table without columns",
                "leave the table out of this branch");
  }
  auto done = run(connection, "CREATE SCHEMA IF NOT EXISTS " + quote_name(name_.schema) +
                                  "; CREATE TABLE " + name_.sql() + " (" + list + ")");
  if (!done) return Failure(done.error());
  return true;
}

Result<bool> TargetTable::alter(Connection& connection, const TableSchema& schema) {
  bool changed = false;
  for (const Column& column : schema.columns) {
    if (!column.is_kept()) continue;
    auto one = fit_column(connection, schema, column);
    if (!one) return one;
    changed = changed || *one;
  }
  auto dropped = drop_defaults(connection, schema);
  if (!dropped) return dropped;
  return changed || *dropped;
}

Result<bool> TargetTable::fit_column(Connection& connection, const TableSchema& schema,
                                     const Column& column) {
  const size_t at = known_at(schema, column);
  const bool is_known = at < known_.size();
  const size_t same_name = stored_at(column.name);
  if (!is_known && same_name < stored_.size()) {
    // Somebody else made the table, or the source's table was made anew.
    std::erase_if(known_, [&](const KnownColumn& known) {
      return same_ignoring_case(known.target, column.name);
    });
    known_.push_back({schema.oid, column.attnum, column.name, stored_[same_name].name});
    auto widened = widen_column(connection, column, known_.back());
    return widened ? Result<bool>(true) : widened;
  }
  if (!is_known || stored_at(known_[at].target) == stored_.size()) {
    KnownColumn made{schema.oid, column.attnum, column.name, ""};
    if (auto done = add_column(connection, column, made); !done) return Failure(done.error());
    if (is_known) {
      known_[at] = made;
    } else {
      known_.push_back(made);
    }
    return true;
  }
  KnownColumn& known = known_[at];
  const bool has_moved = known.oid != schema.oid || known.attnum != column.attnum;
  known.oid = schema.oid;
  known.attnum = column.attnum;
  auto renamed = rename_column(connection, column, known);
  if (!renamed) return renamed;
  auto widened = widen_column(connection, column, known);
  if (!widened) return widened;
  return has_moved || *renamed || *widened;
}

Result<bool> TargetTable::rename_column(Connection& connection, const Column& column,
                                        KnownColumn& known) {
  if (known.source == column.name) return false;
  std::vector<std::string> names;
  for (const Stored& other : stored_)
    names.push_back(other.name);
  const std::string name = free_name(column.name, names);
  auto done = run(connection, "ALTER TABLE " + name_.sql() + " RENAME COLUMN " +
                                  quote_name(known.target) + " TO " + quote_name(name));
  if (!done) return Failure(done.error());
  stored_[stored_at(known.target)].name = name;
  known.source = column.name;
  known.target = name;
  return true;
}

Result<bool> TargetTable::widen_column(Connection& connection, const Column& column,
                                       const KnownColumn& known) {
  Stored& target = stored_[stored_at(known.target)];
  const StorageType wanted = widest(target.type, storage_of(column.type));
  if (wanted == target.type) return false;
  auto done = run(connection, "ALTER TABLE " + name_.sql() + " ALTER COLUMN " +
                                  quote_name(target.name) + " TYPE " + sql_name(wanted));
  if (!done) return Failure(done.error());
  target.type = wanted;
  return true;
}

Result<void> TargetTable::add_column(Connection& connection, const Column& column,
                                     KnownColumn& known) {
  std::vector<std::string> names;
  for (const Stored& other : stored_)
    names.push_back(other.name);
  known.target = free_name(column.name, names);
  const StorageType type = storage_of(column.type);
  const auto standard = literal_default(column);
  if (column.default_expression && !standard) {
    log::warn("rows mirrored before a column was added have NULL there: its default is no literal",
              {{"table", name_.text()}, {"column", column.name}});
  }
  std::string sql = "ALTER TABLE " + name_.sql() + " ADD COLUMN " + quote_name(known.target) + " " +
                    sql_name(type);
  if (standard) sql += " DEFAULT CAST(" + quote_text(*standard) + " AS " + sql_name(type) + ")";
  if (auto done = run(connection, sql); !done) return done;
  stored_.push_back({known.target, type, standard.has_value()});
  return {};
}

// A column that the source has no more is NULL in new rows, whatever its default was.
Result<bool> TargetTable::drop_defaults(Connection& connection, const TableSchema& schema) {
  const auto used = columns_of(schema);
  bool changed = false;
  for (Stored& column : stored_) {
    const bool is_used = std::any_of(used.begin(), used.end(),
                                     [&](const TargetColumn& u) { return u.name == column.name; });
    if (is_used || !column.has_default) continue;
    auto done = run(connection, "ALTER TABLE " + name_.sql() + " ALTER COLUMN " +
                                    quote_name(column.name) + " DROP DEFAULT");
    if (!done) return Failure(done.error());
    column.has_default = false;
    changed = true;
  }
  return changed;
}

std::vector<TargetColumn> TargetTable::columns_of(const TableSchema& schema) const {
  std::vector<TargetColumn> out;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const Column& column = schema.columns[i];
    if (!column.is_kept()) continue;
    const size_t known = known_at(schema, column);
    if (known == known_.size()) continue;
    const size_t at = stored_at(known_[known].target);
    if (at == stored_.size()) continue;
    out.push_back({static_cast<uint16_t>(i), stored_[at].name, stored_[at].type});
  }
  return out;
}

}  // namespace millrace::duckdb
