#include "source/postgres/shared_snapshot.h"

#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "source/postgres/catalogue.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr Millis kEndedPause{2};
constexpr Millis kEndedPatience{10000};

constexpr std::string_view kSnapshotInstant =
    "select round(extract(epoch from current_timestamp) * 1000000)::bigint";

// Debezium's snapshot takes an xid of its own, so that its events share none with a transaction of
// the stream. Taken in a transaction that ends at once: one that lasted would keep other slots from
// being made. A standby gives none.
constexpr std::string_view kOwnXid =
    "select case when pg_catalog.pg_is_in_recovery() "
    "then pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) "
    "else pg_catalog.txid_current() end";

// The operators of a key's type (citext, ltree) may be in a schema that the role does not search.
constexpr std::string_view kSearchOperators = R"(
select pg_catalog.set_config('search_path', concat_ws(', ',
  nullif(pg_catalog.current_setting('search_path'), ''),
  string_agg(distinct pg_catalog.quote_ident(n.nspname), ', ')), true)
from pg_catalog.pg_opclass o
join pg_catalog.pg_am m on m.oid = o.opcmethod and m.amname = 'btree'
join pg_catalog.pg_namespace n on n.oid = o.opcnamespace)";

// A standby knows no SERIALIZABLE; for one reader REPEATABLE READ is as good.
std::string begin_statement(const PostgresConfig& config, bool imports, bool is_standby) {
  const bool no_serializable =
      is_standby && config.snapshot_isolation == SnapshotIsolation::kSerializable;
  if (imports || no_serializable) return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  switch (config.snapshot_isolation) {
    case SnapshotIsolation::kSerializable:
      return "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";
    case SnapshotIsolation::kRepeatableRead:
      return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    case SnapshotIsolation::kReadCommitted:
      return "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
    case SnapshotIsolation::kReadUncommitted:
      return "BEGIN ISOLATION LEVEL READ UNCOMMITTED READ ONLY";
  }
  return "BEGIN";
}

// As text that the server reads again. One whose making ended with a transaction that was rolled
// back has its xmax before its xmin, which the type's own input refuses.
constexpr std::string_view kSnapshotText = R"(
select pg_catalog.concat_ws(':', pg_catalog.txid_snapshot_xmin(s),
  greatest(pg_catalog.txid_snapshot_xmin(s), pg_catalog.txid_snapshot_xmax(s)),
  pg_catalog.array_to_string(array(select pg_catalog.txid_snapshot_xip(s)), ','))
from pg_catalog.txid_current_snapshot() s)";

std::string set_snapshot(postgres::Connection& connection, const std::string& name) {
  return "; SET TRANSACTION SNAPSHOT " + connection.quote_literal(name);
}

// Whoever exported the snapshot is gone: a new slot gives a new one.
Error not_importable(Error error) {
  error.kind = ErrorKind::kUnreachable;
  return error;
}

// The snapshot that a slot exports has every transaction whose commit is on disk. Its backend marks
// it as committed after that: who reads its rows before takes it for one that was rolled back, and
// the server writes that into the rows for good: the change is lost at the source. After kOwnXid,
// which has an end: the server lists a running transaction only below one that has ended.
Result<void> wait_until_ended(postgres::Connection& connection, const std::string& snapshot) {
  auto exported =
      connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" +
                       set_snapshot(connection, snapshot) + "; " + std::string(kSnapshotText));
  if (!exported) return Failure(not_importable(exported.error()));
  const std::string sql =
      "select string_agg(x::text, ', ') from "
      "pg_catalog.txid_snapshot_xip(pg_catalog.txid_current_snapshot()) x "
      "where pg_catalog.txid_visible_in_snapshot(x, " +
      connection.quote_literal(exported->text(0, 0)) + ")";
  if (auto ended = connection.query("ROLLBACK"); !ended) return Failure(ended.error());
  const SteadyTime patience = steady_now() + kEndedPatience;
  for (;;) {
    auto running = connection.query(sql);
    if (!running) return Failure(running.error());
    if (running->is_null(0, 0)) return {};
    if (steady_now() >= patience) {
      return fail(
          ErrorKind::kUnreachable,
          "transactions that the snapshot has do not end: " + std::string(running->text(0, 0)),
          "do they wait for a synchronous standby (synchronous_standby_names)? It is tried "
          "again");
    }
    std::this_thread::sleep_for(kEndedPause);
  }
}

Result<void> begin_transaction(postgres::Connection& connection, const PostgresConfig& config,
                               bool is_standby, const std::string& snapshot) {
  const bool imports = !snapshot.empty();
  std::string sql = begin_statement(config, imports, is_standby);
  if (imports) sql += set_snapshot(connection, snapshot);
  // Policies would hide rows that the stream shows: rather an error.
  sql += "; SET LOCAL row_security = off; SET LOCAL lock_timeout = " +
         std::to_string(config.snapshot_lock_timeout_ms) + ";" + std::string(kSearchOperators);
  if (auto begun = connection.query(sql); !begun) {
    return Failure(imports ? not_importable(begun.error()) : begun.error());
  }
  return {};
}

}  // namespace

Result<SharedSnapshot> begin_snapshot(postgres::Connection& connection,
                                      const PostgresConfig& config, const std::string& name,
                                      Offset at) {
  // Before the transaction's snapshot: rather a row twice than not at all.
  auto server = wal_end(connection);
  if (!server) return Failure(server.error());
  if (at.lsn == 0) at.lsn = server->lsn;
  auto own = connection.query(kOwnXid);
  if (!own) return Failure(own.error());
  at.xid = static_cast<uint32_t>(number<uint64_t>(own->text(0, 0)));
  if (!name.empty()) {
    if (auto ended = wait_until_ended(connection, name); !ended) return Failure(ended.error());
  }
  auto begun = begin_transaction(connection, config, server->is_standby, name);
  if (!begun) return Failure(begun.error());
  auto instant = connection.query(kSnapshotInstant);
  if (!instant) return Failure(instant.error());
  at.commit_us = number<int64_t>(instant->text(0, 0));
  at.snapshot = SnapshotPhase::kRunning;
  at.last_snapshot_record = false;
  return SharedSnapshot{std::move(at), server->is_standby};
}

Result<void> lock_tables(postgres::Connection& connection, std::span<const SchemaPtr> tables) {
  std::string names;
  for (const SchemaPtr& table : tables) {
    if (!names.empty()) names += ", ";
    names += quoted_name(connection, table->schema, table->name);
  }
  if (names.empty()) return {};
  auto locked = connection.query("LOCK TABLE " + names + " IN ACCESS SHARE MODE");
  if (!locked) return Failure(locked.error().in("locking the tables"));
  return {};
}

Result<std::vector<postgres::Connection>> share_snapshot(postgres::Connection& first,
                                                         const SharedSnapshot& snapshot,
                                                         const PostgresConfig& config,
                                                         const postgres::ConnectOptions& options,
                                                         uint64_t count) {
  std::vector<postgres::Connection> out;
  if (count == 0) return out;
  auto exported = first.query("select pg_catalog.pg_export_snapshot()");
  if (!exported) return Failure(exported.error());
  const std::string name(exported->text(0, 0));
  while (out.size() < count) {
    auto connection = postgres::Connection::open(options);
    if (!connection && policy(connection.error().kind) == ErrorPolicy::kRetry) {
      log::warn("the snapshot is read over fewer connections",
                {{"connections", out.size() + 1},
                 {"wanted", count + 1},
                 {"why", connection.error().text()}});
      return out;
    }
    if (!connection) return Failure(connection.error());
    auto begun = begin_transaction(*connection, config, snapshot.is_standby, name);
    if (!begun) return Failure(begun.error());
    out.push_back(std::move(*connection));
  }
  return out;
}

}  // namespace millrace
