#include "source/postgres/slot.h"

#include "base/log.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr int kVersion13 = 130000;  // wal_status
constexpr int kVersion15 = 150000;  // CREATE_REPLICATION_SLOT … (option, …)
constexpr int kVersion16 = 160000;  // conflicting
constexpr int kVersion17 = 170000;  // invalidation_reason, failover, synced

std::string slot_query(int version) {
  std::string sql =
      "select s.plugin, s.database, s.temporary, s.active, s.active_pid, s.confirmed_flush_lsn, "
      "s.restart_lsn, a.application_name, a.client_addr";
  sql += version >= kVersion13 ? ", s.wal_status" : ", null";
  sql += version >= kVersion16 ? ", s.conflicting" : ", false";
  sql += version >= kVersion17 ? ", s.invalidation_reason, s.failover, s.synced"
                               : ", null, false, false";
  return sql +
         " from pg_catalog.pg_replication_slots s "
         "left join pg_catalog.pg_stat_activity a on a.pid = s.active_pid where s.slot_name = $1";
}

bool is_standby(postgres::Connection& connection) {
  auto rows = connection.query("select pg_catalog.pg_is_in_recovery()");
  return rows && is_true(*rows, 0, 0);
}

std::string create_command(postgres::Connection& connection, const SlotRequest& request) {
  const int version = connection.server_version();
  std::string command = "CREATE_REPLICATION_SLOT " + connection.quote_identifier(request.name) +
                        (request.temporary ? " TEMPORARY" : "") + " LOGICAL " +
                        std::string(kOutputPlugin);
  if (version < kVersion15) {
    return command + (request.export_snapshot ? " EXPORT_SNAPSHOT" : " NOEXPORT_SNAPSHOT");
  }
  command += request.export_snapshot ? " (SNAPSHOT 'export'" : " (SNAPSHOT 'nothing'";
  const bool failover = request.failover && !request.temporary && version >= kVersion17;
  if (failover && !is_standby(connection)) command += ", FAILOVER";
  return command + ")";
}

// The server's error, with what is to be done about it.
Error explain(postgres::Connection& connection, const SlotRequest& request, Error error) {
  const std::string state = connection.sqlstate();
  if (state == "53400") {
    // One for a while is waited for: the server may not have let our own last one go yet.
    if (request.temporary) error.kind = ErrorKind::kBusy;
    error.cure =
        "raise max_replication_slots (restart), or drop a slot that nobody reads: "
        "SELECT slot_name FROM pg_replication_slots WHERE NOT active";
  } else if (state == "55000") {
    error.cure = "ALTER SYSTEM SET wal_level = logical, then restart the server";
  } else if (state == "42501") {
    error.cure = "ALTER ROLE … REPLICATION (on RDS: GRANT rds_replication TO …)";
  } else if (state == "42710") {
    error.kind = ErrorKind::kBusy;
    error.cure = "somebody else made a slot of this name meanwhile";
  } else if (state == "55P03" || state == "57014") {
    error.kind = ErrorKind::kBusy;
    error.message = "transactions that began before did not end within " +
                    std::to_string(request.wait.count() / 1000) + " s";
    const auto who = old_transactions(connection, Millis{0});
    if (who && !who->empty()) error.message += ": " + *who;
    error.cure = "end those transactions; it is tried again";
  }
  return error.in("making the replication slot '" + request.name + "'");
}

}  // namespace

std::string SlotState::lost_reason() const {
  if (invalidation_reason == "idle_timeout")
    return "it was not used for longer than idle_replication_slot_timeout";
  if (!invalidation_reason.empty() && invalidation_reason != "wal_removed")
    return invalidation_reason;
  // 16 says it of every reason; without its WAL a slot has no restart_lsn.
  if (conflicting && restart_lsn != 0) return "conflict with recovery on the standby";
  if (invalidation_reason.empty() && wal_status != "lost") return "WAL that it needs was removed";
  return "WAL that it needs was removed (max_slot_wal_keep_size)";
}

Result<std::optional<SlotState>> read_slot(postgres::Connection& connection,
                                           std::string_view name) {
  auto rows = connection.query(slot_query(connection.server_version()), {std::string(name)});
  if (!rows) {
    return Failure(rows.error().in("reading the replication slot '" + std::string(name) + "'"));
  }
  if (rows->count() == 0) return std::nullopt;
  SlotState slot;
  slot.name = name;
  slot.plugin = rows->text(0, 0);
  slot.database = rows->text(0, 1);
  slot.temporary = is_true(*rows, 0, 2);
  slot.active = is_true(*rows, 0, 3);
  slot.active_pid = number<int32_t>(rows->text(0, 4));
  slot.confirmed_flush = lsn_of(*rows, 0, 5);
  slot.restart_lsn = lsn_of(*rows, 0, 6);
  slot.active_application = rows->text(0, 7);
  slot.active_address = rows->text(0, 8);
  slot.wal_status = rows->text(0, 9);
  slot.conflicting = is_true(*rows, 0, 10);
  slot.invalidation_reason = rows->text(0, 11);
  slot.failover = is_true(*rows, 0, 12);
  slot.synced = is_true(*rows, 0, 13);
  return slot;
}

Result<NewSlot> create_slot(postgres::Connection& connection, const SlotRequest& request) {
  const std::string command = create_command(connection, request);
  // Waiting for old transactions is waiting for a lock on them.
  const std::string limit = "SET lock_timeout = " + std::to_string(request.wait.count());
  if (auto set = connection.query(limit); !set) return Failure(set.error());
  auto rows = connection.query(command);
  if (!rows) return Failure(explain(connection, request, rows.error()));
  if (rows->count() != 1 || rows->columns() < 3) {
    return fail(ErrorKind::kProtocol, "CREATE_REPLICATION_SLOT did not answer with one row");
  }
  NewSlot slot;
  slot.consistent_point = lsn_of(*rows, 0, 1);
  slot.snapshot_name = rows->text(0, 2);
  log::info("replication slot made",
            {{"slot", request.name}, {"lsn", format_lsn(slot.consistent_point)}});
  return slot;
}

// Without parameters: a replication connection has the simple protocol only.
Result<void> copy_slot(postgres::Connection& connection, std::string_view from,
                       const std::string& to) {
  auto made = connection.query("select pg_catalog.pg_copy_logical_replication_slot(" +
                               connection.quote_literal(from) + ", " +
                               connection.quote_literal(to) + ", true)");
  if (made) return {};
  return Failure(made.error().in("copying the replication slot '" + std::string(from) + "'"));
}

std::string temporary_slot_name(std::string_view slot, std::string_view purpose, int backend_pid) {
  constexpr size_t kLongest = 63;
  const std::string own = "_" + std::string(purpose) + "_" + std::to_string(backend_pid);
  return std::string(slot.substr(0, kLongest - own.size())) + own;
}

Result<void> drop_slot(postgres::Connection& connection, std::string_view name) {
  auto rows =
      connection.query("select pg_catalog.pg_drop_replication_slot($1)", {std::string(name)});
  if (rows) {
    log::info("replication slot dropped", {{"slot", name}});
    return {};
  }
  if (connection.sqlstate() == "42704") return {};
  return Failure(rows.error().in("dropping the replication slot '" + std::string(name) + "'"));
}

Result<std::string> old_transactions(postgres::Connection& connection, Millis age) {
  // Without parameters: a replication connection has the simple protocol only.
  const std::string sql = std::string(R"(
select what || ' since ' || to_char(began, 'YYYY-MM-DD HH24:MI:SS') || ' UTC' from (
  select 'pid ' || pid || coalesce(' (' || nullif(application_name, '') || ')', '') ||
         case when state like 'idle%' then ', ' || state else '' end as what, xact_start as began
  from pg_catalog.pg_stat_activity
  where backend_xid is not null and pid <> pg_backend_pid()
  union all
  select 'prepared transaction ' || quote_literal(gid), prepared from pg_catalog.pg_prepared_xacts) t
where began < now() - interval ')") +
                          std::to_string(age.count()) + " ms' order by began limit 3";
  auto rows = connection.query(sql);
  if (!rows) return Failure(rows.error().in("reading pg_stat_activity"));
  std::string out;
  for (int row = 0; row < rows->count(); ++row) {
    if (!out.empty()) out += "; ";
    out += rows->text(row, 0);
  }
  return out;
}

}  // namespace millrace
