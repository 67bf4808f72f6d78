#include "source/postgres/session.h"

#include <algorithm>

#include "base/log.h"
#include "source/postgres/catalogue.h"
#include "source/postgres/catalogue_lookup.h"
#include "source/postgres/publication.h"
#include "source/postgres/replica_identity.h"
#include "source/postgres/row_values.h"

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

Result<std::vector<TableSchema>> prepare_tables(postgres::Connection& query,
                                                const PostgresConfig& config,
                                                const TableFilter& filter, bool streams) {
  auto tables = captured_tables(query, filter, config);
  if (!tables || !streams) return tables;
  auto changed = set_replica_identities(query, config, *tables);
  if (!changed) return Failure(changed.error());
  if (*changed) tables = captured_tables(query, filter, config);
  if (!tables) return tables;
  if (tables->empty()) log::warn("no table is captured: check table.include.list and its like");
  if (auto done = ensure_publication(query, config, *tables); !done) return Failure(done.error());
  return tables;
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
  const auto options = replication_options(config, kGeneralApplication);
  auto keeper = postgres::Connection::open(options);
  if (!keeper) return Failure(keeper.error());
  const std::string own = "_snapshot_" + std::to_string(keeper->backend_pid());
  SlotRequest request;
  request.name = config.slot_name.substr(0, 63 - own.size()) + own;
  request.temporary = true;
  auto slot = create_slot(*keeper, request);
  session.snapshot_keeper = std::move(*keeper);
  return slot;
}

// The slot, and the point and the snapshot from which new branches start.
Result<void> make_slots(postgres::Connection& query, const PostgresConfig& config,
                        const StartPlan& plan, Session& session) {
  const bool snapshots = plan.snapshot_audience != 0;
  if (!plan.streams) {
    session.snapshot_at = offset_at(session.server.lsn, session.server);
    return {};
  }
  if (!plan.make_slot && !snapshots) return {};
  if (plan.drop_slot) {
    if (auto dropped = drop_slot(query, config.slot_name); !dropped) return dropped;
  }
  SlotRequest request;
  request.name = config.slot_name;
  request.failover = config.slot_failover;
  request.export_snapshot = snapshots;
  auto made = plan.make_slot ? create_slot(*session.replication, request)
                             : make_temporary_slot(config, session);
  if (!made) return Failure(made.error());
  session.snapshot_name = made->snapshot_name;
  session.snapshot_at = offset_at(made->consistent_point, session.server);
  const Offset& at = session.snapshot_at;
  session.from = plan.from ? lower_offset(*plan.from, at) : at;
  return {};
}

// A branch has all that commits before its own progress. What it has of the transaction there, its
// position says.
std::vector<Lsn> floors_of(std::span<const BranchProgress> branches, const Session& session) {
  std::vector<Lsn> floors;
  for (size_t i = 0; i < branches.size(); ++i) {
    const bool snapshotted = (session.snapshot_audience >> i & 1) != 0;
    const auto offset = snapshotted ? std::optional(session.snapshot_at)
                                    : resume_offset(branches[i], session.server.system_id);
    const bool ours = offset && offset->position != Position{};
    floors.push_back(ours ? offset->lsn_commit : 0);
  }
  return floors;
}

}  // namespace

Result<Session> open_session(const PostgresConfig& config, const TableFilter& filter,
                             std::span<const BranchProgress> branches, bool has_snapshotted) {
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

  auto tables = prepare_tables(*query, config, filter, streams);
  if (!tables) return Failure(tables.error());
  auto plan = plan_start(config, {*slot, *server, *history, branches, has_snapshotted});
  if (!plan) return Failure(plan.error());
  session.snapshot_audience = plan->snapshot_audience;
  session.streams = plan->streams;
  if (plan->from) session.from = *plan->from;
  if (auto made = make_slots(*query, config, *plan, session); !made) return Failure(made.error());
  if (plan->snapshot_audience != 0) {
    for (TableSchema& table : *tables) {
      session.tables.push_back(std::make_shared<TableSchema>(std::move(table)));
    }
  }
  session.floors = floors_of(branches, session);
  return session;
}

}  // namespace millrace
