#include "source/postgres/unseen_rows.h"

#include <optional>
#include <string>

#include "source/postgres/row_values.h"

namespace millrace {

namespace {

// A name is looked up as of now, also in a snapshot.
constexpr std::string_view kNameIsOf = "select pg_catalog.to_regclass($1)::oid";

// Tables with another file than the snapshot knows: pg_class is read as of the snapshot, the
// function is not.
constexpr std::string_view kNewFiles = R"(
with recursive t(oid) as (
  select $1::oid
  union
  select i.inhrelid from t join pg_catalog.pg_inherits i on i.inhparent = t.oid)
select c.oid from t join pg_catalog.pg_class c on c.oid = t.oid
where c.relkind = 'r' and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid))";

constexpr std::string_view kName = R"(
select format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = $1)";

// Somebody may wait for the table's exclusive lock, and for the snapshot to end.
constexpr std::string_view kPatience = "set lock_timeout = '1s'";

Error missed(const std::string& what) {
  return {ErrorKind::kBusy, what + " while the snapshot was read, which therefore lacks its rows",
          "it is taken again"};
}

// nullopt: it cannot be seen. A partition may be closed to a role that may read the whole.
Result<std::optional<bool>> has_rows(postgres::Connection& connection, const std::string& table) {
  auto found = connection.query("select exists (select from only " + table + ")");
  if (found) return found->text(0, 0) == "t";
  if (connection.sqlstate() == "42501" || connection.sqlstate() == "55P03") return std::nullopt;
  return Failure(found.error());
}

// Whether the rows of a new file are not those of the snapshot.
Result<void> check_file(postgres::Connection& snapshot, postgres::Connection& now,
                        std::string_view oid) {
  auto row = now.query(kName, {std::string(oid)});
  if (!row) return Failure(row.error());
  if (row->count() == 0) return {};
  const std::string name(row->text(0, 0));
  auto then = has_rows(snapshot, name);
  if (!then) return Failure(then.error());
  if (then->value_or(false)) return {};
  auto today = has_rows(now, name);
  if (!today) return Failure(today.error());
  if (!today->value_or(true)) return {};
  return Failure(missed("ALTER TABLE or TRUNCATE wrote " + name + " anew"));
}

}  // namespace

Result<void> check_unseen_rows(postgres::Connection& snapshot,
                               const postgres::ConnectOptions& options, const TableSchema& table) {
  auto is_of = snapshot.query(kNameIsOf, {quoted_name(snapshot, table.schema, table.name)});
  if (!is_of) return Failure(is_of.error());
  if (is_of->text(0, 0) != std::to_string(table.oid)) {
    return Failure(missed("another table took the name " + table.full_name()));
  }
  auto changed = snapshot.query(kNewFiles, {std::to_string(table.oid)});
  if (!changed) return Failure(changed.error());
  if (changed->count() == 0) return {};
  auto now = postgres::Connection::open(options);
  if (!now) return Failure(now.error());
  if (auto set = now->query(kPatience); !set) return Failure(set.error());
  for (int row = 0; row < changed->count(); ++row) {
    if (auto fine = check_file(snapshot, *now, changed->text(row, 0)); !fine) return fine;
  }
  return {};
}

}  // namespace millrace
