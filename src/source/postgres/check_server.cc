// Preflight: is this a server that can be read from, and may the role do it?
#include <map>

#include "source/postgres/findings.h"
#include "source/postgres/row_values.h"
#include "source/postgres/slot.h"

namespace millrace {

namespace {

constexpr int kOldest = 110000;           // pgoutput with TRUNCATE, slot snapshots as we use them
constexpr int kStandbyDecoding = 160000;  // logical slots on a standby
constexpr std::string_view kUser = "database.user";
constexpr std::string_view kHost = "database.hostname";

using ServerSettings = std::map<std::string, std::string, std::less<>>;

ServerSettings read_settings(const Inspection& inspection) {
  ServerSettings settings;
  auto rows = inspection.connection.query(
      "select name, setting from pg_catalog.pg_settings where name in ('wal_level', "
      "'max_wal_senders', 'max_replication_slots', 'max_slot_wal_keep_size', "
      "'wal_sender_timeout')");
  if (!rows) inspection.findings.failed(kHost, rows.error());
  for (int row = 0; rows && row < rows->count(); ++row) {
    settings.emplace(rows->text(row, 0), rows->text(row, 1));
  }
  return settings;
}

void check_version(const Inspection& inspection) {
  const int version = inspection.connection.server_version();
  if (version < kOldest) {
    inspection.findings.error(
        kHost, "the server is PostgreSQL " + std::to_string(version / 10000) + ", which is too old",
        "PostgreSQL 11 or newer is needed");
  }
  if (inspection.is_standby && version < kStandbyDecoding) {
    inspection.findings.error(kHost, "the server is a standby (read-only)",
                              "set database.hostname to the primary; standbys can be read from "
                              "PostgreSQL 16 on");
  }
}

void check_settings(const Inspection& inspection, const ServerSettings& settings) {
  const auto is = [&](std::string_view name, std::string_view value) {
    const auto at = settings.find(name);
    return at != settings.end() && at->second == value;
  };
  const auto level = settings.find("wal_level");
  if (level != settings.end() && level->second != "logical") {
    inspection.findings.error(kHost, "the server's wal_level is " + level->second + ", not logical",
                              "ALTER SYSTEM SET wal_level = logical; then restart the server (on "
                              "RDS: rds.logical_replication = 1 in the parameter group)");
  }
  if (is("max_slot_wal_keep_size", "-1")) {
    inspection.findings.warning(
        "slot.name",
        "max_slot_wal_keep_size is -1: a pipeline that stands still keeps WAL until the server's "
        "disk is full",
        "ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; SELECT pg_reload_conf(); (a slot that "
        "falls further behind is lost then, and needs a new snapshot)");
  }
  if (is("wal_sender_timeout", "0")) {
    inspection.findings.warning(
        kHost, "wal_sender_timeout is 0: the server never notices that a reader is gone",
        "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();");
  }
}

// A slot and a walsender must be left for us.
void check_limits(const Inspection& inspection, const ServerSettings& settings) {
  auto rows = inspection.connection.query(
      "select (select count(*) from pg_catalog.pg_stat_replication), "
      "(select count(*) from pg_catalog.pg_replication_slots), "
      "exists (select 1 from pg_catalog.pg_replication_slots where slot_name = $1), "
      "exists (select 1 from pg_catalog.pg_replication_slots where slot_name = $1 and active)",
      {inspection.config.slot_name});
  if (!rows) return inspection.findings.failed(kHost, rows.error());
  const auto limit = [&](std::string_view name) {
    const auto at = settings.find(name);
    return at == settings.end() ? int64_t{1} << 30 : number<int64_t>(at->second);
  };
  const int64_t senders = number<int64_t>(rows->text(0, 0));
  const int64_t slots = number<int64_t>(rows->text(0, 1));
  if (senders >= limit("max_wal_senders") && !is_true(*rows, 0, 3)) {
    inspection.findings.error(
        kHost,
        "all " + std::to_string(limit("max_wal_senders")) + " walsenders are in use (" +
            std::to_string(senders) + ")",
        "ALTER SYSTEM SET max_wal_senders = " + std::to_string(senders + 5) +
            "; then restart the server, or stop one that is not needed (SELECT * FROM "
            "pg_stat_replication)");
  }
  if (slots >= limit("max_replication_slots") && !is_true(*rows, 0, 2)) {
    inspection.findings.error(
        "slot.name",
        "all " + std::to_string(limit("max_replication_slots")) + " replication slots are in use",
        "ALTER SYSTEM SET max_replication_slots = " + std::to_string(slots + 5) +
            "; then restart the server, or drop one that nobody reads: SELECT "
            "pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = …");
  }
}

void check_rights(Inspection& inspection) {
  auto rows = inspection.connection.query(
      "select r.rolsuper, r.rolreplication, g.oid is not null, "
      "coalesce(pg_catalog.pg_has_role(r.oid, g.oid, 'usage'), false) "
      "from pg_catalog.pg_roles r left join pg_catalog.pg_roles g on g.rolname = "
      "'rds_replication' where r.rolname = current_user");
  if (!rows || rows->count() == 0) return;
  inspection.is_superuser = is_true(*rows, 0, 0);
  if (inspection.is_superuser || is_true(*rows, 0, 1) || is_true(*rows, 0, 3)) return;
  const std::string role = inspection.connection.quote_identifier(inspection.config.user);
  inspection.findings.error(
      kUser,
      "the role '" + inspection.config.user + "' may not read the log: it has no REPLICATION right",
      is_true(*rows, 0, 2) ? "GRANT rds_replication TO " + role + ";"
                           : "ALTER ROLE " + role + " REPLICATION;");
}

// The way that the stream will take: pgbouncer and some proxies do not let it pass.
void check_replication_connection(const Inspection& inspection) {
  postgres::ConnectOptions options = connect_options(inspection.config, kStreamingApplication);
  options.replication = true;
  auto connection = postgres::Connection::open(options);
  if (connection) {
    if (connection->query("IDENTIFY_SYSTEM")) return;
    inspection.findings.error(kHost, "the connection does not understand replication commands",
                              "connect to the server itself, not through a pooler");
    return;
  }
  const std::string& why = connection.error().message;
  const bool told = why.find("max_wal_senders") != std::string::npos ||
                    why.find("replication role") != std::string::npos ||
                    why.find("REPLICATION") != std::string::npos ||
                    why.find("start WAL sender") != std::string::npos;
  if (!told) explain_connect_error(inspection.config, connection.error(), inspection.findings);
}

}  // namespace

void check_server(Inspection& inspection) {
  auto standby = inspection.connection.query("select pg_catalog.pg_is_in_recovery()");
  if (!standby) return inspection.findings.failed(kHost, standby.error());
  inspection.is_standby = is_true(*standby, 0, 0);
  check_version(inspection);
  const ServerSettings settings = read_settings(inspection);
  check_settings(inspection, settings);
  check_rights(inspection);
  check_limits(inspection, settings);
  check_replication_connection(inspection);
}

}  // namespace millrace
