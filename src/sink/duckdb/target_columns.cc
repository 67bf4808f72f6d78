// How a mirror's table follows its source's columns; declared in target_table.h.
#include <algorithm>

#include "base/log.h"
#include "sink/duckdb/missing_value.h"
#include "sink/duckdb/target_table.h"
#include "wire/duckdb/postgres_text.h"

namespace millrace::duckdb {

namespace {

constexpr const char* kCure = "; a snapshot of the table cures it (docs/delivery.md)";

}  // namespace

Result<void> TargetTable::run(Connection& connection, const std::string& alteration) const {
  auto done = connection.execute("ALTER TABLE " + name_.sql() + " " + alteration);
  if (!done) return Failure(done.error());
  return {};
}

Result<bool> TargetTable::alter(const Fitting& fitting) {
  auto changed = rename_columns(fitting);
  if (!changed) return changed;
  bool is_changed = *changed;
  for (const Column& column : fitting.schema.columns) {
    if (!column.is_kept()) continue;
    auto one = fit_column(fitting, column);
    if (!one) return one;
    is_changed = is_changed || *one;
  }
  auto dropped = drop_defaults(fitting);
  if (!dropped) return dropped;
  return is_changed || *dropped;
}

// Two columns may have changed their names with each other: first all give theirs up.
Result<bool> TargetTable::rename_columns(const Fitting& fitting) {
  std::vector<std::pair<size_t, const Column*>> renamed;
  for (const Column& column : fitting.schema.columns) {
    const size_t at = known_at(fitting.schema, column);
    if (!column.is_kept() || at == known_.size()) continue;
    const KnownColumn& known = known_[at];
    const bool is_same = known.source.empty() || known.source == column.name;
    if (is_same || stored_at(known.target) == stored_.size()) continue;
    renamed.emplace_back(at, &column);
  }
  for (size_t i = 0; i < renamed.size() && renamed.size() > 1; ++i) {
    const std::string name = free_now("_millrace_" + std::to_string(i));
    auto done = rename(fitting.connection, known_[renamed[i].first], name);
    if (!done) return Failure(done.error());
  }
  for (const auto& [at, column] : renamed) {
    auto name = free_for(fitting, column->name);
    if (!name) return Failure(name.error());
    auto done = rename(fitting.connection, known_[at], *name);
    if (!done) return Failure(done.error());
    known_[at].source = column->name;
  }
  return !renamed.empty();
}

Result<void> TargetTable::rename(Connection& connection, KnownColumn& known,
                                 const std::string& name) {
  auto done =
      run(connection, "RENAME COLUMN " + quote_name(known.target) + " TO " + quote_name(name));
  if (!done) return done;
  stored_[stored_at(known.target)].name = name;
  known.target = name;
  return {};
}

std::string TargetTable::free_now(const std::string& name) const {
  std::vector<std::string> names;
  names.reserve(stored_.size());
  for (const Stored& other : stored_)
    names.push_back(other.name);
  return free_name(name, names);
}

Result<std::string> TargetTable::free_for(const Fitting& fitting, const std::string& name) {
  const size_t owner = owner_of(name);
  const bool is_free = stored_at(name) == stored_.size() || owner == known_.size();
  if (is_free || is_used(fitting.schema, owner)) return free_now(name);
  const std::string old_name = free_now(known_[owner].target + "_dropped");
  auto done = rename(fitting.connection, known_[owner], old_name);
  if (!done) return Failure(done.error());
  known_[owner].source.clear();
  log::info("the source has another column under the name of one that it dropped",
            {{"table", fitting.schema.full_name()},
             {"column", name},
             {"dropped_is_kept_as", old_name},
             {"lsn", format_lsn(fitting.at)}});
  return free_now(name);
}

Result<bool> TargetTable::fit_column(const Fitting& fitting, const Column& column) {
  const size_t at = known_at(fitting.schema, column);
  const size_t same_name = stored_at(column.name);
  KnownColumn made{fitting.schema.oid, column.attnum,     column.name, "",
                   column.type.oid,    column.type.typmod};
  if (at < known_.size() && stored_at(known_[at].target) < stored_.size()) {
    return fit_known(fitting, column, known_[at]);
  }
  const bool is_foreign =
      same_name < stored_.size() && owner_of(stored_[same_name].name) == known_.size();
  if (at == known_.size() && is_foreign) {  // somebody else made the table
    made.target = stored_[same_name].name;
    known_.push_back(made);
    auto widened = widen(fitting, column, made);
    return widened ? Result<bool>(true) : widened;
  }
  if (auto done = add_column(fitting, column, made); !done) return Failure(done.error());
  if (at < known_.size()) {
    known_[at] = made;  // somebody has dropped it here
  } else {
    known_.push_back(made);
  }
  return true;
}

Result<bool> TargetTable::fit_known(const Fitting& fitting, const Column& column,
                                    KnownColumn& known) {
  const KnownColumn before = known;
  if (known.oid != fitting.schema.oid || column.attnum != 0) known.attnum = column.attnum;
  known.oid = fitting.schema.oid;
  known.type_oid = column.type.oid;
  known.typmod = column.type.typmod;
  const bool is_retyped = before.oid == known.oid && before.type_oid != 0 &&
                          (before.type_oid != known.type_oid || before.typmod != known.typmod);
  if (is_retyped && fitting.is_rewritten) {
    log::warn(
        std::string(
            "a column has another type, and the server may have written new values into all rows "
            "without telling: rows that nobody touches again keep what they had") +
            kCure,
        {{"table", fitting.schema.full_name()},
         {"column", column.name},
         {"lsn", format_lsn(fitting.at)}});
  }
  auto widened = widen(fitting, column, known);
  if (!widened) return widened;
  return *widened || known != before;
}

Result<bool> TargetTable::widen(const Fitting& fitting, const Column& column,
                                const KnownColumn& known) {
  Stored& target = stored_[stored_at(known.target)];
  StorageType wanted = widest(target.type, storage_of(column.type));
  if (wanted == target.type) return false;
  const std::string name = quote_name(target.name);
  if (target.type.kind == Storage::kDate && wanted.kind != Storage::kVarchar) {
    auto beyond = fitting.connection.query("SELECT 1 FROM " + name_.sql() + " WHERE " + name +
                                           " IS NOT NULL AND TRY_CAST(" + name + " AS " +
                                           sql_name(wanted) + ") IS NULL LIMIT 1");
    if (!beyond) return Failure(beyond.error());
    if (beyond->row_count() > 0) wanted = {Storage::kVarchar};
  }
  auto done = run(fitting.connection, "ALTER COLUMN " + name + " TYPE " + sql_name(wanted) +
                                          " USING " + widened(name, target.type, wanted));
  if (!done) return Failure(done.error());
  target.type = wanted;
  return true;
}

// SQL of what rows have in a column that came after them; nullopt: NULL.
Result<std::optional<std::string>> TargetTable::value_of_old_rows(const Fitting& fitting,
                                                                  const Column& column) const {
  auto rows = fitting.connection.query("SELECT 1 FROM " + name_.sql() + " LIMIT 1");
  if (!rows) return Failure(rows.error());
  const auto warn = [&](const char* what) {
    if (rows->row_count() == 0) return;
    log::warn(std::string("rows that were mirrored before a column was added have NULL there: ") +
                  what + kCure,
              {{"table", fitting.schema.full_name()},
               {"column", column.name},
               {"lsn", format_lsn(fitting.at)}});
  };
  if (column.attnum != 0 && column.attnum <= fitting.attnum_before) {
    warn("it was not captured until now");
    return std::nullopt;
  }
  if (!column.missing_value) {
    // No value is NULL, but for a default that the server wrote into each row.
    if (column.default_expression || !column.nullable) {
      warn("the server wrote its values into them without telling");
    }
    return std::nullopt;
  }
  auto literal = literal_of(fitting.connection, storage_of(column.type), *column.missing_value);
  if (literal && !*literal) warn("DuckDB cannot hold the value that they have");
  return literal;
}

Result<void> TargetTable::add_column(const Fitting& fitting, const Column& column,
                                     KnownColumn& known) {
  auto value = value_of_old_rows(fitting, column);
  if (!value) return Failure(value.error());
  auto name = free_for(fitting, column.name);
  if (!name) return Failure(name.error());
  known.target = *name;
  known.added_at = fitting.at;
  const StorageType type = storage_of(column.type);
  // As the default, for rows older than the column may still come.
  auto done = run(fitting.connection, "ADD COLUMN " + quote_name(*name) + " " + sql_name(type) +
                                          (*value ? " DEFAULT " + **value : ""));
  if (!done) return done;
  stored_.push_back({*name, type, value->has_value()});
  return {};
}

// A column that the source has no more is NULL in new rows, whatever its default was.
Result<bool> TargetTable::drop_defaults(const Fitting& fitting) {
  bool changed = false;
  for (Stored& column : stored_) {
    if (!column.has_default) continue;
    const size_t owner = owner_of(column.name);
    const bool is_known = owner < known_.size();
    if (is_known && is_used(fitting.schema, owner)) continue;
    if (is_known && known_[owner].added_at > fitting.at)
      continue;  // read again: it is still to come
    auto done =
        run(fitting.connection, "ALTER COLUMN " + quote_name(column.name) + " DROP DEFAULT");
    if (!done) return Failure(done.error());
    column.has_default = false;
    changed = true;
  }
  return changed;
}

}  // namespace millrace::duckdb
