#include "source/postgres/rewritten.h"

#include <vector>

#include "source/postgres/row_values.h"

namespace millrace {

namespace {

// Tables with another file than the snapshot knows: pg_class is read as of the snapshot, the
// function is not.
constexpr std::string_view kNewFiles = R"(
with recursive t(oid) as (
  select unnest($1::oid[])
  union
  select i.inhrelid from t join pg_catalog.pg_inherits i on i.inhparent = t.oid)
select c.oid from t join pg_catalog.pg_class c on c.oid = t.oid
where c.relkind = 'r' and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid))";

// What a rewriting ALTER TABLE changes besides the file, and TRUNCATE does not.
constexpr std::string_view kShapes = R"(
select c.oid::regclass, concat_ws(' ', c.relam, c.relpersistence, string_agg(
         concat_ws(':', a.attnum, a.atttypid, a.atttypmod, a.attisdropped), ' ' order by a.attnum))
from pg_catalog.pg_class c
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0
where c.oid = any($1::oid[])
group by c.oid
order by c.oid)";

}  // namespace

Result<void> check_rewritten(postgres::Connection& snapshot,
                             const postgres::ConnectOptions& options,
                             std::span<const SchemaPtr> tables) {
  std::vector<uint32_t> oids;
  for (const SchemaPtr& table : tables)
    oids.push_back(table->oid);
  auto changed = snapshot.query(kNewFiles, {oid_array(oids)});
  if (!changed) return Failure(changed.error());
  if (changed->count() == 0) return {};
  oids.clear();
  for (int row = 0; row < changed->count(); ++row) {
    oids.push_back(number<uint32_t>(changed->text(row, 0)));
  }
  auto connection = postgres::Connection::open(options);
  if (!connection) return Failure(connection.error());
  auto then = snapshot.query(kShapes, {oid_array(oids)});
  auto now = connection->query(kShapes, {oid_array(oids)});
  if (!then || !now) return Failure(then ? now.error() : then.error());
  for (int row = 0; row < then->count() && row < now->count(); ++row) {
    if (then->text(row, 1) == now->text(row, 1)) continue;
    return fail(ErrorKind::kBusy,
                "ALTER TABLE rewrote " + std::string(now->text(row, 0)) +
                    " while the snapshot was read, which therefore lacks its rows",
                "it is taken again");
  }
  return {};
}

}  // namespace millrace
