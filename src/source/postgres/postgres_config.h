// The settings of the PostgreSQL source: Debezium's names and defaults, but for two
// (publication.autocreate.mode and lsn.flush.mode, see there). Settings that shape records
// (decimal.handling.mode …) are the converter's.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/field.h"
#include "wire/postgres/connection.h"

namespace millrace {

enum class SslMode : uint8_t { kDisable, kAllow, kPrefer, kRequire, kVerifyCa, kVerifyFull };
enum class LogicalPlugin : uint8_t { kPgoutput };
enum class PublicationMode : uint8_t { kDisabled, kAllTables, kFiltered, kNoTables };
enum class LsnFlushMode : uint8_t { kConnector, kManual, kConnectorAndDriver };
enum class OffsetMismatch : uint8_t { kNoValidation, kTrustOffset, kTrustSlot, kTrustGreaterLsn };
enum class StreamBinary : uint8_t { kAuto, kOff };
enum class SnapshotMode : uint8_t { kInitial, kInitialOnly, kNoData, kAlways, kWhenNeeded };
enum class SnapshotIsolation : uint8_t {
  kSerializable,
  kRepeatableRead,
  kReadCommitted,
  kReadUncommitted
};
enum class SnapshotLocking : uint8_t { kNone, kShared };

struct PostgresConfig {
  std::string topic_prefix;

  std::vector<std::string> hostname;  // "host" or "host:port", in the order they are tried
  int64_t port = 5432;                // of hosts that name none
  std::string user;
  Secret password;
  std::string dbname;
  SslMode sslmode = SslMode::kPrefer;
  std::string sslcert;
  std::string sslkey;
  Secret sslpassword;
  std::string sslrootcert;
  bool tcp_keep_alive = true;
  int64_t query_timeout_ms = 600000;

  LogicalPlugin plugin = LogicalPlugin::kPgoutput;
  std::string slot_name = "debezium";
  bool slot_drop_on_stop = false;
  bool slot_failover = false;
  std::string slot_stream_params;  // "k=v;k=v"
  std::string publication_name = "dbz_publication";
  PublicationMode publication_mode = PublicationMode::kFiltered;
  bool publish_via_partition_root = false;
  std::vector<std::string> replica_identity_autoset;  // "table regex:FULL", "…:INDEX name"
  int64_t status_update_interval_ms = 10000;
  LsnFlushMode lsn_flush_mode = LsnFlushMode::kConnectorAndDriver;
  OffsetMismatch offset_mismatch = OffsetMismatch::kNoValidation;

  SnapshotMode snapshot_mode = SnapshotMode::kInitial;
  SnapshotIsolation snapshot_isolation = SnapshotIsolation::kSerializable;
  SnapshotLocking snapshot_locking = SnapshotLocking::kNone;
  int64_t snapshot_lock_timeout_ms = 10000;
  int64_t snapshot_fetch_size = 10240;
  int64_t snapshot_max_threads = 1;
  Bytes snapshot_chunk_bytes{64 << 20};  // 0: no chunks
  std::vector<std::string> snapshot_include;
  std::vector<std::string> select_override_tables;
  // "schema.table" → SELECT; from the keys snapshot.select.statement.overrides.<schema>.<table>
  std::map<std::string, std::string> select_overrides;
  int64_t snapshot_delay_ms = 0;

  std::vector<std::string> schema_include;
  std::vector<std::string> schema_exclude;
  std::vector<std::string> table_include;
  std::vector<std::string> table_exclude;
  std::vector<std::string> column_include;
  std::vector<std::string> column_exclude;
  std::string message_key_columns;  // "table regex:c1,c2;…"
  std::vector<std::string> message_prefix_include;
  std::vector<std::string> message_prefix_exclude;
  // As explicitly set; empty: not set (the converter has the default). The source filters nothing
  // by it, but a publication that we make publishes only what is left.
  std::vector<std::string> skipped_operations;

  bool provide_transaction_metadata = false;
  StreamBinary stream_binary = StreamBinary::kAuto;
  int64_t heartbeat_interval_ms = 0;
  int64_t table_refresh_interval_ms = 10000;
  std::string heartbeat_action_query;
};

// The fields' table: names, documentation, defaults.
std::span<const FieldSpec> postgres_fields();

// Debezium's keys that need nothing here: known, so that nobody is warned of them.
std::span<const std::string_view> postgres_ignored_keys();

// Fields, select overrides, and validate().
PostgresConfig parse_postgres_config(const Settings& settings, Problems& problems,
                                     std::string_view key_prefix = {});

// What contradicts itself.
void validate(const PostgresConfig& config, Problems& problems, std::string_view key_prefix = {});

// "Debezium Streaming" and the like as application_name: people grep pg_stat_activity for it.
inline constexpr std::string_view kStreamingApplication = "Debezium Streaming";
inline constexpr std::string_view kGeneralApplication = "Debezium General";

// "db1" and a port, "db1:5433", "[::1]:5433", "::1" → host, port.
std::pair<std::string, std::string> server_of(std::string_view host, std::string_view port);

// Whether rows are asked for in binary where their types are known so. Not where the server has to
// convert text: the lengths in an hstore are those from before.
bool reads_binary(const PostgresConfig& config, const postgres::Connection& connection);

// Of several hosts only a primary is connected to: a standby that is promoted becomes it.
postgres::ConnectOptions connect_options(const PostgresConfig& config,
                                         std::string_view application = kGeneralApplication);

// After which a query that the server should have cancelled has no server any more; 0: never.
Millis answer_timeout(const PostgresConfig& config);

template <>
struct EnumNames<SslMode> {
  static constexpr std::pair<std::string_view, SslMode> values[] = {
      {"disable", SslMode::kDisable},    {"allow", SslMode::kAllow},
      {"prefer", SslMode::kPrefer},      {"require", SslMode::kRequire},
      {"verify-ca", SslMode::kVerifyCa}, {"verify-full", SslMode::kVerifyFull}};
};

// decoderbufs (Debezium's default) and 1.x's wal2json mean pgoutput here: the events are the same.
template <>
struct EnumNames<LogicalPlugin> {
  static constexpr std::pair<std::string_view, LogicalPlugin> values[] = {
      {"pgoutput", LogicalPlugin::kPgoutput},
      {"decoderbufs", LogicalPlugin::kPgoutput},
      {"wal2json", LogicalPlugin::kPgoutput},
      {"wal2json_streaming", LogicalPlugin::kPgoutput},
      {"wal2json_rds", LogicalPlugin::kPgoutput},
      {"wal2json_rds_streaming", LogicalPlugin::kPgoutput}};
};

template <>
struct EnumNames<PublicationMode> {
  static constexpr std::pair<std::string_view, PublicationMode> values[] = {
      {"filtered", PublicationMode::kFiltered},
      {"all_tables", PublicationMode::kAllTables},
      {"disabled", PublicationMode::kDisabled},
      {"no_tables", PublicationMode::kNoTables}};
};

template <>
struct EnumNames<LsnFlushMode> {
  static constexpr std::pair<std::string_view, LsnFlushMode> values[] = {
      {"connector_and_driver", LsnFlushMode::kConnectorAndDriver},
      {"connector", LsnFlushMode::kConnector},
      {"manual", LsnFlushMode::kManual}};
};

template <>
struct EnumNames<OffsetMismatch> {
  static constexpr std::pair<std::string_view, OffsetMismatch> values[] = {
      {"no_validation", OffsetMismatch::kNoValidation},
      {"trust_offset", OffsetMismatch::kTrustOffset},
      {"trust_slot", OffsetMismatch::kTrustSlot},
      {"trust_greater_lsn", OffsetMismatch::kTrustGreaterLsn}};
};

template <>
struct EnumNames<StreamBinary> {
  static constexpr std::pair<std::string_view, StreamBinary> values[] = {
      {"auto", StreamBinary::kAuto}, {"off", StreamBinary::kOff}};
};

template <>
struct EnumNames<SnapshotMode> {
  static constexpr std::pair<std::string_view, SnapshotMode> values[] = {
      {"initial", SnapshotMode::kInitial},
      {"initial_only", SnapshotMode::kInitialOnly},
      {"no_data", SnapshotMode::kNoData},
      {"always", SnapshotMode::kAlways},
      {"when_needed", SnapshotMode::kWhenNeeded},
      {"exported", SnapshotMode::kInitial},
      {"never", SnapshotMode::kNoData}};
};

template <>
struct EnumNames<SnapshotIsolation> {
  static constexpr std::pair<std::string_view, SnapshotIsolation> values[] = {
      {"serializable", SnapshotIsolation::kSerializable},
      {"repeatable_read", SnapshotIsolation::kRepeatableRead},
      {"read_committed", SnapshotIsolation::kReadCommitted},
      {"read_uncommitted", SnapshotIsolation::kReadUncommitted}};
};

template <>
struct EnumNames<SnapshotLocking> {
  static constexpr std::pair<std::string_view, SnapshotLocking> values[] = {
      {"none", SnapshotLocking::kNone}, {"shared", SnapshotLocking::kShared}};
};

}  // namespace millrace
