#include "sink/duckdb/mirror_sql.h"

#include <algorithm>

namespace millrace::duckdb {

namespace {

// Types whose texts DuckDB reads as PostgreSQL writes them, so that a VARCHAR can be compared as
// one.
bool is_read_as_written(Storage kind) {
  switch (kind) {
    case Storage::kBoolean:
    case Storage::kSmallint:
    case Storage::kInteger:
    case Storage::kBigint:
    case Storage::kUinteger:
    case Storage::kFloat:
    case Storage::kDouble:
    case Storage::kDecimal:
    case Storage::kUuid:
    case Storage::kDate:
    case Storage::kTimestamp:
      return true;
    default:
      return false;
  }
}

bool is_retyped(const TargetColumn& column) {
  return column.type != column.source && column.type.kind != Storage::kTimestamptz &&
         is_read_as_written(column.source.kind);
}

// A value as one of the source's type; as it is where it is none.
std::string as_source(const TargetColumn& column, const std::string& value) {
  return "coalesce(CAST(TRY_CAST(" + value + " AS " + sql_name(column.source) +
         ") AS VARCHAR), CAST(" + value + " AS VARCHAR))";
}

std::string stored(const TargetColumn& column) {
  return "t." + quote_name(column.name);
}

std::string served(size_t column) {
  return "s.c" + std::to_string(column);
}

}  // namespace

bool MirrorSql::is_key(size_t column) const {
  return std::find(key_.begin(), key_.end(), column) != key_.end();
}

std::string MirrorSql::names() const {
  std::string out;
  for (const TargetColumn& column : columns_)
    out += (out.empty() ? "" : ", ") + quote_name(column.name);
  return out;
}

std::string MirrorSql::assignments(const std::string& mask, bool with_key) const {
  std::string out;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (mask[i] == '1' || (is_key(i) && !with_key && !is_retyped(columns_[i]))) continue;
    if (!out.empty()) out += ", ";
    out += quote_name(columns_[i].name) + " = " + served(i);
  }
  return out;
}

std::string MirrorSql::key_condition(bool is_old) const {
  std::string out;
  for (size_t i = 0; i < key_.size(); ++i) {
    const TargetColumn& column = columns_[key_[i]];
    const std::string value = is_old ? "s.o" + std::to_string(i) : served(key_[i]);
    if (i > 0) out += " AND ";
    out += is_retyped(column) ? as_source(column, stored(column)) + " = " + as_source(column, value)
                              : stored(column) + " = " + value;
  }
  return out;
}

std::string MirrorSql::merge(const std::string& mask) const {
  const std::string set = assignments(mask, false);
  std::string sql = "MERGE INTO " + target_ + " AS t USING (SELECT * FROM " + rows_ +
                    ") AS s ON (" + key_condition(false) +
                    ") WHEN MATCHED AND s.gone THEN DELETE WHEN MATCHED THEN " +
                    (set.empty() ? "DO NOTHING" : "UPDATE SET " + set);
  if (mask.find('1') != std::string::npos) return sql;
  std::string values;
  for (size_t i = 0; i < columns_.size(); ++i)
    values += (i > 0 ? ", " : "") + served(i);
  return sql + " WHEN NOT MATCHED AND NOT s.gone THEN INSERT (" + names() + ") VALUES (" + values +
         ")";
}

std::string MirrorSql::move(const std::string& mask) const {
  return "UPDATE " + target_ + " AS t SET " + assignments(mask, true) + " FROM " + rows_ +
         " AS s WHERE " + key_condition(true);
}

std::string MirrorSql::equal(size_t i) const {
  const TargetColumn& column = columns_[i];
  const auto same = [](const std::string& a, const std::string& b) {
    return a + " IS NOT DISTINCT FROM " + b;
  };
  if (is_retyped(column)) {
    return same(as_source(column, stored(column)), as_source(column, served(i)));
  }
  switch (column.type.kind) {
    case Storage::kInterval:
    case Storage::kTimetz:
      // To DuckDB 30 days equal a month, and a time of one zone that of another: these are compared
      // as they are.
      return same("CAST(" + stored(column) + " AS VARCHAR)", "CAST(" + served(i) + " AS VARCHAR)");
    case Storage::kFloat:
    case Storage::kDouble:
      // 0 equals -0, and yet they are two rows.
      return same(stored(column), served(i)) + " AND " +
             same("signbit(" + stored(column) + ")", "signbit(" + served(i) + ")");
    default:
      return same(stored(column), served(i));
  }
}

std::string MirrorSql::take_away() const {
  std::string condition;
  std::string exact;  // rows that are stored as they are sent go first
  for (size_t i = 0; i < columns_.size(); ++i) {
    condition += (i > 0 ? " AND " : "") + equal(i);
    if (!is_retyped(columns_[i])) continue;
    exact += (exact.empty() ? " ORDER BY " : ", ") + stored(columns_[i]) +
             " IS NOT DISTINCT FROM " + served(i) + " DESC";
  }
  return "DELETE FROM " + target_ +
         " WHERE rowid IN (SELECT id FROM (SELECT t.rowid AS id, s.n AS n, row_number() OVER "
         "(PARTITION BY s.i" +
         exact + ") AS place FROM " + target_ +
         " AS t JOIN (SELECT *, row_number() OVER () AS i FROM " + rows_ + ") AS s ON " +
         condition + ") WHERE place <= n)";
}

std::string MirrorSql::append() const {
  std::string values;
  for (size_t i = 0; i < columns_.size(); ++i)
    values += (i > 0 ? ", c" : "c") + std::to_string(i);
  return "INSERT INTO " + target_ + " (" + names() + ") SELECT " + values + " FROM " + rows_;
}

}  // namespace millrace::duckdb
