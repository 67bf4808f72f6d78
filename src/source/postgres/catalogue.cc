#include "source/postgres/catalogue.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "source/postgres/row_key.h"
#include "source/postgres/row_values.h"
#include "source/postgres/type_catalogue.h"

namespace millrace {

namespace {

// Relations that can be captured; the order is Debezium's: by bytes of schema and name.
constexpr std::string_view kTables = R"(
select c.oid, n.nspname, c.relname, c.relreplident, c.relnatts, c.relfilenode
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence <> 't'
order by n.nspname collate "C", c.relname collate "C")";

constexpr std::string_view kOneTable = R"(
select c.oid, n.nspname, c.relname, c.relreplident, c.relnatts, c.relfilenode
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.oid = $1::oid)";

// What rows have in a column that came after them: an array of one value, of any type.
constexpr int kMissingValuesSince = 110000;
constexpr std::string_view kMissingValue = "(a.attmissingval::text::text[])[1]";

constexpr std::string_view kColumns = R"(
select a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnum,
       not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)),
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), to_jsonb(a) ->> 'attgenerated', )";

constexpr std::string_view kColumnsFrom = R"(
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum)";

// One row for each column of each unique index, in the index's order.
constexpr std::string_view kIndexes = R"(
select i.indrelid, c.relname, i.indisprimary, i.indisreplident, i.indisclustered,
       i.indpred is not null, i.indisvalid, i.indimmediate, k.attnum
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
cross join lateral unnest(i.indkey::int2[]) with ordinality as k(attnum, position)
where i.indrelid = any($1::oid[]) and i.indisunique and k.position <= i.indnkeyatts
order by i.indrelid, i.indexrelid, k.position)";

using TablesByOid = std::unordered_map<uint32_t, TableSchema*>;

ReplicaIdentity identity_of(std::string_view text) {
  return text.empty() ? ReplicaIdentity::kDefault : static_cast<ReplicaIdentity>(text.front());
}

TableSchema table_of(const postgres::Rows& rows, int row) {
  TableSchema table;
  table.oid = number<uint32_t>(rows.text(row, 0));
  table.schema = rows.text(row, 1);
  table.name = rows.text(row, 2);
  table.identity = identity_of(rows.text(row, 3));
  table.attribute_count = number<int16_t>(rows.text(row, 4));
  table.file_node = number<uint32_t>(rows.text(row, 5));
  return table;
}

Result<void> read_columns(postgres::Connection& connection, const TableFilter& filter,
                          const std::string& oids, const TablesByOid& tables) {
  const bool has_missing = connection.server_version() >= kMissingValuesSince;
  const std::string sql = std::string(kColumns) +
                          std::string(has_missing ? kMissingValue : "null") +
                          std::string(kColumnsFrom);
  auto rows = connection.query(sql, {oids});
  if (!rows) return Failure(rows.error().in("reading the columns of the captured tables"));
  std::set<uint32_t> type_oids;
  for (int row = 0; row < rows->count(); ++row) {
    type_oids.insert(number<uint32_t>(rows->text(row, 2)));
  }
  auto types = read_types(connection, type_oids);
  if (!types) return Failure(types.error());
  for (int row = 0; row < rows->count(); ++row) {
    TableSchema& table = *tables.at(number<uint32_t>(rows->text(row, 0)));
    Column column;
    column.name = rows->text(row, 1);
    column.type = type_of_column(*types, number<uint32_t>(rows->text(row, 2)),
                                 number<int32_t>(rows->text(row, 3)));
    column.attnum = number<int16_t>(rows->text(row, 4));
    column.captured = filter.captures_column(table.schema, table.name, column.name);
    // Debezium looks no closer at a column that it does not capture, also where it is in the key.
    column.nullable = !column.captured || is_true(*rows, row, 5);
    if (column.captured && !rows->is_null(row, 6)) column.default_expression = rows->text(row, 6);
    column.generated = !rows->text(row, 7).empty();  // "s" since PostgreSQL 12, "v" since 18
    if (column.captured && !rows->is_null(row, 8)) column.missing_value = rows->text(row, 8);
    table.columns.push_back(std::move(column));
  }
  return {};
}

Result<void> read_keys(postgres::Connection& connection, const PostgresConfig& config,
                       const std::string& oids, const TablesByOid& tables) {
  auto custom = MessageKeyColumns::make(config.message_key_columns);
  if (!custom) return Failure(custom.error());
  auto rows = connection.query(kIndexes, {oids});
  if (!rows) return Failure(rows.error().in("reading the indexes of the captured tables"));
  std::unordered_map<uint32_t, std::vector<UniqueIndex>> indexes;
  for (int row = 0; row < rows->count(); ++row) {
    auto& of_table = indexes[number<uint32_t>(rows->text(row, 0))];
    const std::string_view name = rows->text(row, 1);
    if (of_table.empty() || of_table.back().name != name) {
      of_table.push_back({.name = std::string(name),
                          .attnums = {},
                          .is_primary = is_true(*rows, row, 2),
                          .is_identity = is_true(*rows, row, 3),
                          .is_clustered = is_true(*rows, row, 4),
                          .is_partial = is_true(*rows, row, 5),
                          .is_valid = is_true(*rows, row, 6),
                          .is_immediate = is_true(*rows, row, 7)});
    }
    of_table.back().attnums.push_back(number<int16_t>(rows->text(row, 8)));
  }
  for (const auto& [oid, table] : tables) {
    set_keys(*table, std::move(indexes[oid]), *custom);
    table->version = next_schema_version();
  }
  return {};
}

Result<void> read_details(postgres::Connection& connection, const TableFilter& filter,
                          const PostgresConfig& config, std::vector<TableSchema>& tables) {
  if (tables.empty()) return {};
  TablesByOid by_oid;
  std::vector<uint32_t> list;
  for (TableSchema& table : tables) {
    by_oid[table.oid] = &table;
    list.push_back(table.oid);
  }
  const std::string oids = oid_array(list);
  if (auto done = read_columns(connection, filter, oids, by_oid); !done) return done;
  return read_keys(connection, config, oids, by_oid);
}

}  // namespace

Result<std::vector<TableSchema>> captured_tables(postgres::Connection& connection,
                                                 const TableFilter& filter,
                                                 const PostgresConfig& config) {
  auto rows = connection.query(kTables);
  if (!rows) return Failure(rows.error().in("reading the list of tables"));
  std::vector<TableSchema> tables;
  for (int row = 0; row < rows->count(); ++row) {
    if (!filter.captures_table(rows->text(row, 1), rows->text(row, 2))) continue;
    tables.push_back(table_of(*rows, row));
  }
  if (auto done = read_details(connection, filter, config, tables); !done) {
    return Failure(done.error());
  }
  return tables;
}

Result<std::set<uint32_t>> captured_oids(postgres::Connection& connection,
                                         const TableFilter& filter) {
  auto rows = connection.query(kTables);
  if (!rows) return Failure(rows.error().in("reading the list of tables"));
  std::set<uint32_t> oids;
  for (int row = 0; row < rows->count(); ++row) {
    if (!filter.captures_table(rows->text(row, 1), rows->text(row, 2))) continue;
    oids.insert(number<uint32_t>(rows->text(row, 0)));
  }
  return oids;
}

Result<std::optional<TableSchema>> table_by_oid(postgres::Connection& connection,
                                                const TableFilter& filter,
                                                const PostgresConfig& config, uint32_t oid) {
  auto rows = connection.query(kOneTable, {std::to_string(oid)});
  if (!rows) return Failure(rows.error().in("reading the table with oid " + std::to_string(oid)));
  if (rows->count() == 0) return std::nullopt;
  std::vector<TableSchema> tables = {table_of(*rows, 0)};
  if (auto done = read_details(connection, filter, config, tables); !done) {
    return Failure(done.error());
  }
  return std::move(tables.front());
}

Result<ColumnType> type_by_oid(postgres::Connection& connection, uint32_t oid, int32_t typmod) {
  auto types = read_types(connection, {oid});
  if (!types) return Failure(types.error());
  if (!types->contains(oid)) {
    return fail(ErrorKind::kNotFound, "no type with oid " + std::to_string(oid) + " in pg_type",
                "it was dropped since; a table that uses it cannot be read from the log any more");
  }
  return type_of_column(*types, oid, typmod);
}

Result<WalEnd> wal_end(postgres::Connection& connection) {
  auto rows = connection.query(
      "select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() "
      "else pg_catalog.pg_current_wal_lsn() end, pg_catalog.pg_is_in_recovery()");
  if (!rows) return Failure(rows.error());
  return WalEnd{lsn_of(*rows, 0, 0), is_true(*rows, 0, 1)};
}

}  // namespace millrace
