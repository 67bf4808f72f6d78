#include "source/postgres/table_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr uint64_t kSampledPages = 64;              // for each bound
constexpr uint64_t kMostSampledPages = 128 * 1024;  // 1 GB of the table
constexpr size_t kFixedColumns = 5;                 // of kKeys, before the key's

// What a comparison of rows says is what the index says: only then a range of keys is one of it.
constexpr std::string_view kKeys = R"(
select c.oid, pg_catalog.pg_table_size(c.oid),
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int,
       case when c.reltuples > 0 then c.reltuples::bigint else -1 end,
       pg_catalog.md5(concat_ws(' ', c.relam, c.relpersistence, i.indkey, i.indclass,
         i.indcollation, (
           select string_agg(concat_ws(':', a.attnum, a.atttypid, a.atttypmod, a.attisdropped),
                             ' ' order by a.attnum)
           from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0))),
       k.attnum
from pg_catalog.pg_class c
left join lateral (
  select i.* from pg_catalog.pg_index i
  join pg_catalog.pg_class x on x.oid = i.indexrelid
  join pg_catalog.pg_am m on m.oid = x.relam
  where i.indrelid = c.oid and i.indisvalid and i.indisunique and i.indimmediate and m.amname = 'btree'
    and i.indpred is null and i.indexprs is null
    and c.relkind = 'r' and not c.relhassubclass
    and case c.relreplident when 'i' then i.indisreplident when 'n' then false
        else i.indisprimary end
    and not exists (
      select from unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[],
                         i.indoption::int2[]) with ordinality
                  as p(attnum, opclass, collation_oid, option, position)
      left join pg_catalog.pg_opclass o on o.oid = p.opclass
      left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = p.attnum
      where p.position <= i.indnkeyatts
        and (not o.opcdefault or p.collation_oid <> a.attcollation or p.option <> 0))
  limit 1) i on true
left join lateral unnest(i.indkey::int2[]) with ordinality as k(attnum, position)
  on k.position <= i.indnkeyatts
where c.oid = any($1::oid[])
order by c.oid, k.position)";

// Empty where the column is not kept: then nothing names its rows by the key.
std::string kept_column(const postgres::Connection& connection, const TableSchema& table,
                        int16_t attnum) {
  const auto column = std::ranges::find(table.columns, attnum, &Column::attnum);
  if (column == table.columns.end() || !column->is_kept()) return {};
  return connection.quote_identifier(column->name);
}

}  // namespace

std::string TableKey::column_list() const {
  std::string out;
  for (const std::string& column : columns)
    out += (out.empty() ? "" : ", ") + column;
  return out;
}

uint64_t TableKey::chunks(uint64_t chunk_bytes) const {
  if (columns.empty() || chunk_bytes == 0) return 1;
  return std::max<uint64_t>(1, (bytes + chunk_bytes - 1) / chunk_bytes);
}

Result<std::map<uint32_t, TableKey>> read_table_keys(postgres::Connection& connection,
                                                     const PostgresConfig& config,
                                                     std::span<const SchemaPtr> tables) {
  std::map<uint32_t, const TableSchema*> by_oid;
  std::vector<uint32_t> oids;
  for (const SchemaPtr& table : tables) {
    by_oid[table->oid] = table.get();
    oids.push_back(table->oid);
  }
  auto rows = connection.query(kKeys, {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading the keys of the tables"));
  std::map<uint32_t, TableKey> out;
  for (int row = 0; row < rows->count(); ++row) {
    const auto oid = number<uint32_t>(rows->text(row, 0));
    const auto [at, is_first] = out.try_emplace(oid);
    TableKey& key = at->second;
    if (is_first) {
      key.bytes = number<uint64_t>(rows->text(row, 1));
      key.pages = number<uint64_t>(rows->text(row, 2));
      key.rows = number<int64_t>(rows->text(row, 3));
      key.shape = rows->text(row, 4);
    }
    if (rows->is_null(row, kFixedColumns)) continue;
    key.columns.push_back(
        kept_column(connection, *by_oid.at(oid), number<int16_t>(rows->text(row, kFixedColumns))));
  }
  for (auto& [oid, key] : out) {
    const bool is_users = config.select_overrides.contains(by_oid.at(oid)->full_name());
    if (is_users || std::ranges::find(key.columns, "") != key.columns.end()) key.columns.clear();
  }
  return out;
}

std::string bounds_query(const postgres::Connection& connection, const TableSchema& table,
                         const TableKey& key, uint64_t chunk_bytes,
                         std::span<const KeyChunk> chunks) {
  const uint64_t count = key.chunks(chunk_bytes);
  const uint64_t wanted = std::min(count * kSampledPages, kMostSampledPages);
  const double percent = key.pages <= wanted
                             ? 100.0
                             : 100.0 * static_cast<double>(wanted) / static_cast<double>(key.pages);
  const std::string columns = key.column_list();
  std::string which;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const std::string condition = range_condition(connection, columns, chunks[i].range);
    which += fmt::format(" when {} then {}", condition.empty() ? "true" : condition, i);
  }
  return fmt::format(
      "COPY (select _millrace_part, {0} from (select case{1} end as _millrace_part, {0}, "
      "_millrace_n from (select {0}, row_number() over (order by {0}) as _millrace_n, "
      "count(*) over () as _millrace_c from {2} tablesample system ({3})) s "
      "where _millrace_n < _millrace_c "
      "and _millrace_n * {4} / _millrace_c > (_millrace_n - 1) * {4} / _millrace_c) b "
      "where _millrace_part is not null order by _millrace_n) TO STDOUT",
      columns, which, quoted_name(connection, table.schema, table.name), percent, count);
}

// One SELECT a key: a literal among VALUES would be a text, not of the column's type.
Result<void> number_bounds(postgres::Connection& connection, const TableSchema& table,
                           const TableKey& key, std::span<BranchLacks> lacks) {
  std::vector<KeyBound*> bounds;
  for (BranchLacks& branch : lacks) {
    for (KeyRange& range : branch.ranges) {
      for (KeyBound* bound : {&range.after, &range.through}) {
        const bool is_key =
            bound->number != KeyBound::kBelowAll && bound->number != KeyBound::kAboveAll;
        if (is_key) bounds.push_back(bound);
      }
    }
  }
  if (bounds.empty()) return {};
  const std::string columns = key.column_list();
  std::string sql = "select dense_rank() over (order by " + columns +
                    "), _millrace_at from (select " + columns + ", -1 as _millrace_at from " +
                    quoted_name(connection, table.schema, table.name) + " where false";
  for (size_t i = 0; i < bounds.size(); ++i) {
    sql +=
        " union all select " + key_literals(connection, bounds[i]->key) + ", " + std::to_string(i);
  }
  auto rows = connection.query(sql + ") k");
  if (!rows) return Failure(rows.error().in("the order of the chunks of " + table.full_name()));
  for (int row = 0; row < rows->count(); ++row) {
    bounds[number<size_t>(rows->text(row, 1))]->number =
        number<uint64_t>(rows->text(row, 0)) * kBoundSpacing;
  }
  return {};
}

}  // namespace millrace
