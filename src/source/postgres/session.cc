#include "source/postgres/session.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"
#include "source/postgres/catalogue.h"
#include "source/postgres/catalogue_lookup.h"
#include "source/postgres/publication.h"
#include "source/postgres/replica_identity.h"
#include "source/postgres/row_values.h"
#include "source/postgres/table_key.h"

namespace millrace {

namespace {

constexpr int kOldestVersion = 110000;
constexpr Millis kShortestSilence{10000};  // a busy server may be slow to answer

Result<void> check_server(postgres::Connection& query, bool streams) {
  if (query.server_version() < kOldestVersion) {
    return fail(ErrorKind::kVersion,
                "the server is PostgreSQL " + std::to_string(query.server_version() / 10000),
                "PostgreSQL 11 or later is needed");
  }
  if (!streams) return {};
  auto level = query.query("SHOW wal_level");
  if (!level) return Failure(level.error());
  if (level->text(0, 0) == "logical") return {};
  return fail(ErrorKind::kConfig,
              "wal_level is " + std::string(level->text(0, 0)) + ", must be logical",
              "ALTER SYSTEM SET wal_level = logical, then restart the server (on RDS: "
              "rds.logical_replication = 1)");
}

// After this time each side gives a silent other side up; 0: never.
Result<Millis> sender_timeout(postgres::Connection& query) {
  auto rows =
      query.query("select setting from pg_catalog.pg_settings where name = 'wal_sender_timeout'");
  if (!rows) return Failure(rows.error());
  return Millis(rows->count() == 1 ? number<int64_t>(rows->text(0, 0)) : 0);
}

// Status at least every third of the time after which the server gives a silent client up.
Millis status_interval(Millis sender_timeout, const PostgresConfig& config) {
  const Millis interval(config.status_update_interval_ms);
  return sender_timeout > Millis(0) ? std::min(interval, std::max(sender_timeout / 3, Millis(1)))
                                    : interval;
}

// A standby may be read from (PostgreSQL 16 and later) by a slot of its own. One that we have come
// to in the middle of a failover is to be waited for: its slot is the primary's, and not ours yet.
Result<void> check_standby(postgres::Connection& query, const PostgresConfig& config,
                           const std::optional<SlotState>& slot,
                           std::span<const BranchProgress> branches) {
  auto standby = query.query("select pg_catalog.pg_is_in_recovery()");
  if (!standby) return Failure(standby.error());
  if (!is_true(*standby, 0, 0)) return {};
  const bool follows = std::ranges::any_of(
      branches, [](const BranchProgress& branch) { return branch.progress.has_value(); });
  std::string what;
  if (slot && slot->synced) what = "a copy of the primary's";
  if (!slot && follows) what = "not there";
  if (what.empty()) return {};
  return fail(ErrorKind::kUnreachable,
              "the server is a standby, and replication slot " + config.slot_name + " is " + what,
              "it is waited for until it is promoted; if that is not to come, set "
              "database.hostname to the primary");
}

struct PreparedTables {
  std::vector<TableSchema> schemas;
  std::vector<CapturedTable> captured;  // in the same order
};

// What the publication gives before it is brought up to date.
Result<std::set<uint32_t>> unpublished(postgres::Connection& query, const PostgresConfig& config,
                                       std::span<const TableSchema> tables) {
  auto state = read_publication(query, config.publication_name);
  if (!state) return Failure(state.error());
  auto published = published_tables(query, tables);
  if (!published) return Failure(published.error());
  std::set<uint32_t> out;
  for (const PublishedTable& table :
       missing_from(*state ? **state : PublicationState(), *published)) {
    out.insert(table.oid);
  }
  return out;
}

Result<PreparedTables> prepare_tables(postgres::Connection& query, const PostgresConfig& config,
                                      const TableFilter& filter, bool streams, SessionPast& past) {
  PreparedTables out;
  auto tables = captured_tables(query, filter, config);
  if (tables && streams) {
    auto changed = set_replica_identities(query, config, *tables);
    if (!changed) return Failure(changed.error());
    if (*changed) tables = captured_tables(query, filter, config);
  }
  if (!tables) return Failure(tables.error());
  if (streams) {
    if (tables->empty()) {
      log::warn("no table is captured: check table.include.list and its like");
    }
    auto lacks = unpublished(query, config, *tables);
    if (!lacks) return Failure(lacks.error());
    past.published_late.merge(*lacks);
    if (auto done = ensure_publication(query, config, *tables); !done) return Failure(done.error());
  }
  for (const TableSchema& table : *tables) {
    out.captured.push_back({table.oid, table.full_name(), !past.published_late.contains(table.oid),
                            filter.snapshots_table(table.schema, table.name)});
  }
  out.schemas = std::move(*tables);
  return out;
}

postgres::ConnectOptions replication_options(const PostgresConfig& config,
                                             std::string_view application) {
  auto options = connect_options(config, application);
  options.replication = true;
  options.answer_timeout = answer_timeout(config);
  // Making a slot may wait for longer than a query.
  if (options.answer_timeout > Millis(0)) options.answer_timeout += SlotRequest().wait;
  return options;
}

Result<NewSlot> make_temporary_slot(const PostgresConfig& config, Session& session) {
  auto keeper = open_replication_connection(config);
  if (!keeper) return Failure(keeper.error());
  SlotRequest request;
  request.name = temporary_slot_name(config.slot_name, "snapshot", keeper->backend_pid());
  request.temporary = true;
  auto slot = create_slot(*keeper, request);
  session.snapshot_keeper = std::move(*keeper);
  return slot;
}

// The slot, and the point and the snapshot from which new branches and tables start.
Result<void> make_slots(postgres::Connection& query, const PostgresConfig& config,
                        Session& session) {
  const StartPlan& plan = session.plan;
  session.snapshot_at = offset_at(session.server.lsn, session.server);
  if (plan.from) session.from = *plan.from;
  if (!plan.streams || (!plan.make_slot && !plan.needs_snapshot())) return {};
  if (plan.drop_slot) {
    if (auto dropped = drop_slot(query, config.slot_name); !dropped) return dropped;
  }
  SlotRequest request;
  request.name = config.slot_name;
  request.failover = config.slot_failover;
  request.export_snapshot = plan.needs_snapshot();
  auto made = plan.make_slot ? create_slot(*session.replication, request)
                             : make_temporary_slot(config, session);
  if (!made) return Failure(made.error());
  session.snapshot_name = made->snapshot_name;
  session.snapshot_at = offset_at(made->consistent_point, session.server);
  if (!plan.from) session.from = session.snapshot_at;
  return {};
}

// A branch has all that commits before its own progress; what it has of the transaction there, its
// position says. One without a place in the stream gets nothing of it.
std::vector<Lsn> floors_of(std::span<const BranchProgress> branches, const Session& session) {
  std::vector<Lsn> floors;
  for (size_t i = 0; i < branches.size(); ++i) {
    const bool streams = (session.plan.streaming >> i & 1) != 0;
    const auto offset =
        branches[i].progress ? needed_from(*branches[i].progress) : std::optional<Offset>();
    const bool ours = offset && offset->position != Position{};
    floors.push_back(!streams ? ~Lsn{0} : ours ? offset->lsn_commit : 0);
  }
  return floors;
}

// A table's place in the plan is its place in `schemas`.
void add_schemas(std::vector<TableSchema> schemas, Session& session) {
  for (const TableSchema& schema : schemas)
    session.captured.insert(schema.oid);
  for (const TableRead& read : session.plan.reads)
    session.tables.push_back(std::make_shared<TableSchema>(std::move(schemas[read.place])));
}

bool fits(const TableRead& read, const std::map<uint32_t, TableKey>& keys) {
  const auto key = keys.find(read.oid);
  return key != keys.end() && !key->second.columns.empty() &&
         std::ranges::all_of(read.rests, [&](const TableRead::Rest& rest) {
           return rest.own.unread.shape == key->second.shape;
         });
}

// What is left of the tables of which key chunks are complete, with the same numbers for all
// branches; one that was altered since starts over.
Result<void> divide_rests(postgres::Connection& query, const PostgresConfig& config,
                          Session& session) {
  session.chunks.resize(session.tables.size());
  if (!session.plan.snapshot_waits()) return {};
  auto keys = read_table_keys(query, config, session.tables);
  if (!keys) return Failure(keys.error());
  for (size_t i = 0; i < session.tables.size(); ++i) {
    TableRead& read = session.plan.reads[i];
    if (read.rests.empty()) continue;
    if (!fits(read, *keys)) {
      log::info("the table was altered: its snapshot starts over",
                {{"table", session.tables[i]->full_name()}});
      read.start_over();
      continue;
    }
    std::vector<BranchLacks> lacks;
    lacks.reserve(read.rests.size() + 1);
    for (const TableRead::Rest& rest : read.rests)
      lacks.push_back({uint64_t{1} << rest.branch, rest.own.unread.ranges});
    const uint64_t anew = read.audience() & ~read.followers();
    if (anew != 0) lacks.push_back({anew, {KeyRange()}});
    auto numbered = number_bounds(query, *session.tables[i], keys->at(read.oid), lacks);
    if (!numbered) return numbered;
    for (size_t rest = 0; rest < read.rests.size(); ++rest)
      read.rests[rest].own.unread.ranges = lacks[rest].ranges;
    session.chunks[i] = merge_lacks(lacks);
  }
  return {};
}

// The server's version when all that is captured can be read in binary; else 0. Generated columns
// are not in the stream, and where they are (PostgreSQL 18 can publish them) it finds out.
int binary_version(const PostgresConfig& config, const std::vector<TableSchema>& tables,
                   const SessionPast& past, const postgres::Connection& query) {
  if (past.needs_text || !reads_binary(config, query)) return 0;
  const int server_version = query.server_version();
  for (const TableSchema& table : tables) {
    TableSchema sent = table;
    for (Column& column : sent.columns)
      column.captured = column.is_kept();
    const Column* unreadable = pgoutput::TupleShape(sent, server_version).unreadable();
    if (unreadable == nullptr) continue;
    log::info("a type is not known in binary: the stream is text",
              {{"table", table.full_name()},
               {"column", unreadable->name},
               {"type", unreadable->type.name}});
    return 0;
  }
  return server_version;
}

}  // namespace

Result<postgres::Connection> open_replication_connection(const PostgresConfig& config) {
  return postgres::Connection::open(replication_options(config, kGeneralApplication));
}

Result<Session> open_session(const PostgresConfig& config, const TableFilter& filter,
                             std::span<const BranchProgress> branches, SessionPast& past) {
  Session session;
  const bool streams = config.snapshot_mode != SnapshotMode::kInitialOnly;
  auto query = open_query_connection(config);
  if (!query) return Failure(query.error());
  if (auto fine = check_server(*query, streams); !fine) return Failure(fine.error());
  auto timeout = sender_timeout(*query);
  if (!timeout) return Failure(timeout.error());
  session.status_interval = status_interval(*timeout, config);
  if (*timeout > Millis(0)) session.silence_limit = std::max(*timeout, kShortestSilence);
  auto slot = read_slot(*query, config.slot_name);
  if (!slot) return Failure(slot.error());
  if (auto fine = check_standby(*query, config, *slot, branches); !fine) {
    return Failure(fine.error());
  }

  const auto options = replication_options(config, kStreamingApplication);
  auto replication = postgres::Connection::open(options);
  if (!replication) return Failure(replication.error().in("replication connection"));
  session.replication = std::move(*replication);
  auto server = identify_system(*session.replication);
  if (!server) return Failure(server.error());
  session.server = *server;
  auto history = timeline_history(*session.replication, server->timeline);
  if (!history) return Failure(history.error());

  auto tables = prepare_tables(*query, config, filter, streams, past);
  if (!tables) return Failure(tables.error());
  auto plan = plan_start(config, {*slot, *server, *history, branches, tables->captured,
                                  past.has_snapshotted, past.has_streamed});
  if (!plan) return Failure(plan.error());
  session.plan = std::move(*plan);
  session.binary_version = binary_version(config, tables->schemas, past, *query);
  add_schemas(std::move(tables->schemas), session);
  if (auto done = divide_rests(*query, config, session); !done) return Failure(done.error());
  if (auto made = make_slots(*query, config, session); !made) return Failure(made.error());
  session.floors = floors_of(branches, session);
  return session;
}

}  // namespace millrace
