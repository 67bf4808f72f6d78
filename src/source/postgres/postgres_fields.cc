// The table of the PostgreSQL source's settings, in the order of the documentation, and what a
// value may be.
#include <algorithm>

#include "source/postgres/postgres_config.h"

namespace millrace {

namespace {

constexpr std::string_view kConnection = "Connection";
constexpr std::string_view kSlot = "Slot and publication";
constexpr std::string_view kSnapshot = "Snapshot";
constexpr std::string_view kCapture = "What is captured";
constexpr std::string_view kStream = "Streaming";
constexpr std::string_view kOverrides = "snapshot.select.statement.overrides";

std::string port_number(std::string_view text) {
  int64_t value = 0;
  std::string wrong = set_value(value, text);
  if (wrong.empty() && (value < 1 || value > 65535)) wrong = "must be a port, 1 to 65535";
  return wrong;
}

std::string host_list(std::string_view text) {
  std::vector<std::string> hosts;
  std::string wrong = set_value(hosts, text);
  if (wrong.empty() && hosts.empty()) wrong = "names no host";
  for (const std::string& host : hosts) {
    if (wrong.empty()) wrong = port_number(server_of(host, "1").second);
  }
  return wrong;
}

std::string slot_name(std::string_view text) {
  const bool good = !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return good ? "" : "must be 1 to 63 of the characters a-z, 0-9 and _";
}

std::string topic_prefix(std::string_view text) {
  const bool good = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  return good ? "" : "must be made of letters, digits, '.', '_' and '-'";
}

std::string operations(std::string_view text) {
  std::vector<std::string> list;
  std::string wrong = set_value(list, text);
  for (const std::string& item : list) {
    if (item != "c" && item != "u" && item != "d" && item != "t" && item != "none") {
      return "must be a list of c, u, d, t, or none";
    }
  }
  if (wrong.empty() && list.size() > 1 && std::ranges::find(list, "none") != list.end()) {
    return "has 'none' beside other operations";
  }
  return wrong;
}

std::string stream_params(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find(';');
    const std::string_view item = text.substr(0, end);
    if (!item.empty() && (item.find('=') == std::string_view::npos || item.starts_with('='))) {
      return "must be key=value pairs that are separated by ';'";
    }
    if (item.starts_with("binary=")) return "must not have 'binary': that is stream.binary";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return "";
}

constexpr FieldSpec kPostgresFields[] = {
    field<&PostgresConfig::topic_prefix>(
        "topic.prefix", {.doc = "Name of the database in topics, schemas and stored offsets: "
                                "topics are named prefix.schema.table.",
                         .required = true,
                         .importance = Importance::kHigh,
                         .group = kConnection,
                         .check = topic_prefix,
                         .old_names = "database.server.name"}),
    field<&PostgresConfig::hostname>(
        "database.hostname",
        {.doc = "Address of the PostgreSQL server, or the folder of its socket. Of a primary and "
                "its standbys, the list of all (host,host:port,…): whichever is the primary is "
                "read from.",
         .required = true,
         .importance = Importance::kHigh,
         .group = kConnection,
         .check = host_list}),
    field<&PostgresConfig::port>("database.port", {.doc = "Port of hosts that name none.",
                                                   .importance = Importance::kHigh,
                                                   .group = kConnection,
                                                   .check = port_number}),
    field<&PostgresConfig::user>(
        "database.user",
        {.doc = "Role to log in as. Needs REPLICATION (rds_replication on RDS) and "
                "SELECT on the captured tables.",
         .required = true,
         .importance = Importance::kHigh,
         .group = kConnection}),
    field<&PostgresConfig::password>(
        "database.password",
        {.doc = "Password of the role.", .importance = Importance::kHigh, .group = kConnection}),
    field<&PostgresConfig::dbname>("database.dbname", {.doc = "The database to capture.",
                                                       .required = true,
                                                       .importance = Importance::kHigh,
                                                       .group = kConnection}),
    field<&PostgresConfig::sslmode>(
        "database.sslmode", {.doc = "Whether the connection is encrypted, and the server checked: "
                                    "libpq's sslmode.",
                             .group = kConnection}),
    field<&PostgresConfig::sslcert>(
        "database.sslcert", {.doc = "File with the client's certificate.", .group = kConnection}),
    field<&PostgresConfig::sslkey>(
        "database.sslkey", {.doc = "File with the client's private key.", .group = kConnection}),
    field<&PostgresConfig::sslpassword>(
        "database.sslpassword", {.doc = "Passphrase of the private key.", .group = kConnection}),
    field<&PostgresConfig::sslrootcert>(
        "database.sslrootcert",
        {.doc = "File with the certificates of the authorities to trust.", .group = kConnection}),
    field<&PostgresConfig::tcp_keep_alive>(
        "database.tcpKeepAlive", {.doc = "Send TCP keepalives, so that a dead server is noticed.",
                                  .importance = Importance::kLow,
                                  .group = kConnection}),
    field<&PostgresConfig::query_timeout_ms>(
        "database.query.timeout.ms",
        {.doc = "Limit of one query on the catalogue; 0: none. Snapshots are not limited.",
         .importance = Importance::kLow,
         .group = kConnection,
         .check = at_least<0>}),

    field<&PostgresConfig::plugin>(
        "plugin.name",
        {.doc = "Output plug-in of the slot. Only pgoutput, which every server has, is "
                "used; other names of Debezium are read as pgoutput.",
         .group = kSlot}),
    field<&PostgresConfig::slot_name>(
        "slot.name", {.doc = "Logical replication slot; made when it is missing, else adopted.",
                      .importance = Importance::kHigh,
                      .group = kSlot,
                      .check = slot_name}),
    field<&PostgresConfig::slot_drop_on_stop>(
        "slot.drop.on.stop", {.doc = "Drop the slot at an orderly stop. For tests: changes made "
                                     "while stopped are lost.",
                              .importance = Importance::kLow,
                              .group = kSlot,
                              .old_names = "slot.drop_on_stop"}),
    field<&PostgresConfig::slot_failover>(
        "slot.failover", {.doc = "Make the slot with FAILOVER, so that a standby has it too "
                                 "(PostgreSQL 17 and later; else without effect).",
                          .group = kSlot}),
    field<&PostgresConfig::slot_stream_params>(
        "slot.stream.params", {.doc = "More options for the plug-in: key=value;key=value.",
                               .importance = Importance::kLow,
                               .group = kSlot,
                               .check = stream_params}),
    field<&PostgresConfig::publication_name>("publication.name",
                                             {.doc = "Publication that the slot reads.",
                                              .importance = Importance::kHigh,
                                              .group = kSlot}),
    field<&PostgresConfig::publication_mode>(
        "publication.autocreate.mode",
        {.doc = "Who makes the publication: filtered (we, of the captured tables; new ones are "
                "added), all_tables (we, FOR ALL TABLES: needs superuser, and tables without a "
                "replica identity then refuse UPDATE), no_tables (we, empty), disabled (you). "
                "Debezium's default is all_tables, ours filtered.",
         .group = kSlot}),
    field<&PostgresConfig::publish_via_partition_root>(
        "publish.via.partition.root",
        {.doc =
             "Changes of partitions come under the name of the partitioned table. Counts when the "
             "publication is made.",
         .group = kSlot}),
    field<&PostgresConfig::replica_identity_autoset>(
        "replica.identity.autoset.values",
        {.doc = "ALTER captured tables to this replica identity at the start: comma separated "
                "'table regex:FULL', ':DEFAULT', ':NOTHING' or ':INDEX name'.",
         .group = kSlot}),
    field<&PostgresConfig::status_update_interval_ms>(
        "status.update.interval.ms",
        {.doc =
             "How often the server is told what may be forgotten; at the latest after a third of "
             "its wal_sender_timeout.",
         .importance = Importance::kLow,
         .group = kSlot,
         .check = at_least<1>}),
    field<&PostgresConfig::lsn_flush_mode>(
        "lsn.flush.mode",
        {.doc =
             "What moves the slot: connector_and_driver (what is delivered, and the server's "
             "keepalives while nothing is under way), connector (only what is delivered: an idle "
             "database on a busy server keeps all WAL), manual (never). Debezium's default is "
             "connector.",
         .group = kSlot}),
    field<&PostgresConfig::offset_mismatch>(
        "offset.mismatch.strategy",
        {.doc =
             "When stored progress and slot do not fit: no_validation (stop and say what to do), "
             "trust_slot (go on where the slot is: what lies between is missing), trust_offset "
             "(move the slot forward to the progress), trust_greater_lsn (whichever is further).",
         .group = kSlot}),

    field<&PostgresConfig::snapshot_mode>(
        "snapshot.mode",
        {.doc =
             "Whether the tables' rows are read first: initial (when nothing is stored yet), "
             "initial_only (and then stop), always (at each start), no_data (never), when_needed "
             "(as initial, and again when slot and progress do not fit).",
         .importance = Importance::kHigh,
         .group = kSnapshot}),
    field<&PostgresConfig::snapshot_isolation>(
        "snapshot.isolation.mode",
        {.doc = "Isolation of the snapshot's transaction where it does not import the slot's "
                "snapshot.",
         .importance = Importance::kLow,
         .group = kSnapshot}),
    field<&PostgresConfig::snapshot_locking>(
        "snapshot.locking.mode", {.doc = "shared: ACCESS SHARE on the tables while they are read.",
                                  .importance = Importance::kLow,
                                  .group = kSnapshot}),
    field<&PostgresConfig::snapshot_lock_timeout_ms>("snapshot.lock.timeout.ms",
                                                     {.doc = "How long to wait for those locks.",
                                                      .importance = Importance::kLow,
                                                      .group = kSnapshot,
                                                      .check = at_least<0>}),
    field<&PostgresConfig::snapshot_fetch_size>(
        "snapshot.fetch.size", {.doc = "Rows per fetch where a SELECT of yours replaces COPY.",
                                .importance = Importance::kLow,
                                .group = kSnapshot,
                                .check = at_least<1>}),
    field<&PostgresConfig::snapshot_max_threads>(
        "snapshot.max.threads",
        {.doc = "Connections that read the snapshot side by side: so many tables, or parts of a "
                "large one, at once. With one, tables come in the order of their names.",
         .group = kSnapshot,
         .check = at_least<1>}),
    field<&PostgresConfig::snapshot_chunk_bytes>(
        "snapshot.chunk.bytes",
        {.doc = "A table larger than this is read in parts of about this size, by its primary key. "
                "An interrupted snapshot does not read finished parts again. 0: in one go.",
         .importance = Importance::kLow,
         .group = kSnapshot}),
    field<&PostgresConfig::snapshot_include>(
        "snapshot.include.collection.list",
        {.doc = "Regexes on schema.table: only these captured tables are in the snapshot.",
         .group = kSnapshot}),
    field<&PostgresConfig::select_override_tables>(
        kOverrides,
        {.doc =
             "Tables (schema.table) whose snapshot is a SELECT of yours; the statement stands in "
             "snapshot.select.statement.overrides.<schema>.<table>.",
         .group = kSnapshot}),
    field<&PostgresConfig::snapshot_delay_ms>("snapshot.delay.ms",
                                              {.doc = "Wait before the snapshot, in milliseconds.",
                                               .importance = Importance::kLow,
                                               .group = kSnapshot,
                                               .check = at_least<0>}),

    field<&PostgresConfig::schema_include>("schema.include.list",
                                           {.doc = "Regexes: only these schemas.",
                                            .group = kCapture,
                                            .old_names = "schema.whitelist"}),
    field<&PostgresConfig::schema_exclude>("schema.exclude.list",
                                           {.doc = "Regexes: all but these schemas.",
                                            .group = kCapture,
                                            .old_names = "schema.blacklist"}),
    field<&PostgresConfig::table_include>("table.include.list",
                                          {.doc = "Regexes on schema.table: only these tables.",
                                           .importance = Importance::kHigh,
                                           .group = kCapture,
                                           .old_names = "table.whitelist"}),
    field<&PostgresConfig::table_exclude>("table.exclude.list",
                                          {.doc = "Regexes on schema.table: all but these tables.",
                                           .importance = Importance::kHigh,
                                           .group = kCapture,
                                           .old_names = "table.blacklist"}),
    field<&PostgresConfig::column_include>(
        "column.include.list",
        {.doc = "Regexes on schema.table.column: only these columns. Columns "
                "of the key stay in the key.",
         .group = kCapture,
         .old_names = "column.whitelist"}),
    field<&PostgresConfig::column_exclude>(
        "column.exclude.list", {.doc = "Regexes on schema.table.column: all but these columns. "
                                       "Columns of the key stay in the key.",
                                .group = kCapture,
                                .old_names = "column.blacklist"}),
    field<&PostgresConfig::message_key_columns>(
        "message.key.columns",
        {.doc = "Other key columns: 'table regex:column,column;…'. For tables "
                "without a primary key, or to replace it.",
         .group = kCapture}),
    field<&PostgresConfig::message_prefix_include>(
        "message.prefix.include.list",
        {.doc = "Regexes: only logical messages with these prefixes.", .group = kCapture}),
    field<&PostgresConfig::message_prefix_exclude>(
        "message.prefix.exclude.list",
        {.doc = "Regexes: all logical messages but those with these prefixes.", .group = kCapture}),
    field<&PostgresConfig::skipped_operations>(
        "skipped.operations",
        {.doc = "Operations that make no event: c, u, d, t (truncate), or none. Default: t.",
         .group = kCapture,
         .check = operations}),

    field<&PostgresConfig::provide_transaction_metadata>(
        "provide.transaction.metadata",
        {.doc =
             "Events for the begin and end of transactions, and a transaction block in each event.",
         .group = kStream}),
    field<&PostgresConfig::stream_binary>(
        "stream.binary",
        {.doc =
             "Whether the server sends rows in binary, which costs it and us less; the events are "
             "the same: auto (from PostgreSQL 14 on, as long as the types of all captured columns "
             "are known in binary; in a snapshot those of the table), off.",
         .importance = Importance::kLow,
         .group = kStream}),
    field<&PostgresConfig::table_refresh_interval_ms>(
        "table.refresh.interval.ms",
        {.doc =
             "How often to look for captured tables that were made or dropped, in milliseconds; 0: "
             "only at a start. A new one is snapshotted alone.",
         .group = kStream,
         .check = at_least<0>}),
    field<&PostgresConfig::heartbeat_interval_ms>(
        "heartbeat.interval.ms",
        {.doc =
             "A heartbeat event this often, in milliseconds; 0: none. Not needed for the slot to "
             "move on.",
         .group = kStream,
         .check = at_least<0>}),
    field<&PostgresConfig::heartbeat_action_query>(
        "heartbeat.action.query", {.doc = "SQL to run with each heartbeat.", .group = kStream}),
};

constexpr std::string_view kIgnored[] = {
    "name",
    "connector.class",
    "tasks.max",
    "config.action.reload",
    "read.only",
    "snapshot.select.statement.overrides.*",
    "snapshot.query.mode",
    "snapshot.max.threads.multiplier*",
    "legacy.snapshot.max.threads",
    "snapshot.tables.order.by.row.count",
    "slot.seek.to.known.offset.on.start",
    "slot.max.retries",
    "slot.retry.delay.ms",
    "lsn.flush.timeout.*",
    "xmin.fetch.interval.ms",
    "schema.refresh.mode",
    "streaming.delay.ms",
    "connection.validation.timeout.ms",
    "database.connection.factory.class",
    "database.sslfactory",
    "database.history*",
    "custom.sanitize.pattern",
    "table.ignore.builtin",
    "source.struct.version",
    "max.batch.size",
    "max.queue.size",
    "max.queue.size.in.bytes",
    "poll.interval.ms",
    "query.fetch.size",
    "queue.provider.type",
    "event.processing.failure.handling.mode",
    "executor.shutdown.timeout.ms",
    "custom.metric.tags",
    "statistics.metrics.enabled",
    "advanced.metrics.enable",
    "guardrail.collections.*",
    "internal.*",
    "driver.*",
};

}  // namespace

std::span<const FieldSpec> postgres_fields() {
  return kPostgresFields;
}

std::span<const std::string_view> postgres_ignored_keys() {
  return kIgnored;
}

}  // namespace millrace
