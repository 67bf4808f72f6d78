#include "source/postgres/snapshot.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "source/postgres/catalogue.h"
#include "source/postgres/copy_text.h"
#include "source/postgres/rewritten.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kSnapshotInstant =
    "select round(extract(epoch from current_timestamp) * 1000000)::bigint";

// Debezium's snapshot takes an xid of its own, so that its events share none with a transaction of
// the stream. Taken in a transaction that ends at once: one that lasted would keep other slots from
// being made. A standby gives none.
constexpr std::string_view kOwnXid =
    "select case when pg_catalog.pg_is_in_recovery() "
    "then pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) "
    "else pg_catalog.txid_current() end";

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

Error explain(Error error, const std::string& table, const std::string& state, bool is_ours) {
  if (state == "42501" && error.message.find("row-level security") != std::string::npos) {
    error.cure = "the role would not see all rows: ALTER ROLE … BYPASSRLS, or leave the table out";
  } else if (state == "42501") {
    error.cure = "GRANT SELECT ON " + table + " TO the role, and USAGE on its schema";
  } else if (is_ours && (state == "42703" || state == "42P01")) {
    error.kind =
        ErrorKind::kBusy;  // dropped or altered since its columns were read: they are read anew
  }
  return error.in("snapshot of " + table);
}

}  // namespace

SnapshotReader::SnapshotReader(SnapshotRequest request, const PostgresConfig& config,
                               postgres::Connection connection)
    : request_(std::move(request)),
      config_(config),
      connection_(std::move(connection)),
      at_(request_.at) {}

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open(SnapshotRequest request,
                                                             const PostgresConfig& config) {
  auto connection = postgres::Connection::open(request.connect);
  if (!connection) return Failure(connection.error());
  std::unique_ptr<SnapshotReader> reader(
      new SnapshotReader(std::move(request), config, std::move(*connection)));
  if (auto begun = reader->begin(); !begun) return Failure(begun.error().in("snapshot"));
  return reader;
}

Result<void> SnapshotReader::begin() {
  // Before the transaction's snapshot: rather a row twice than not at all.
  auto server = wal_end(connection_);
  if (!server) return Failure(server.error());
  if (at_.lsn == 0) at_.lsn = server->lsn;
  auto own = connection_.query(kOwnXid);
  if (!own) return Failure(own.error());
  at_.xid = static_cast<uint32_t>(number<uint64_t>(own->text(0, 0)));
  const bool imports = !request_.snapshot_name.empty();
  std::string sql = begin_statement(config_, imports, server->is_standby);
  if (imports) {
    sql += "; SET TRANSACTION SNAPSHOT " + connection_.quote_literal(request_.snapshot_name);
  }
  // Policies would hide rows that the stream shows: rather an error.
  sql += "; SET LOCAL row_security = off; SET LOCAL lock_timeout = " +
         std::to_string(config_.snapshot_lock_timeout_ms);
  if (auto begun = connection_.query(sql); !begun) {
    Error error = begun.error();
    // Whoever exported the snapshot is gone: a new slot gives a new one.
    if (imports) error.kind = ErrorKind::kUnreachable;
    return Failure(std::move(error));
  }
  auto instant = connection_.query(kSnapshotInstant);
  if (!instant) return Failure(instant.error());
  at_.commit_us = number<int64_t>(instant->text(0, 0));
  at_.snapshot = SnapshotPhase::kRunning;
  at_.last_snapshot_record = false;
  return config_.snapshot_locking == SnapshotLocking::kShared ? lock_tables() : Result<void>{};
}

Result<void> SnapshotReader::lock_tables() {
  std::string names;
  for (const SchemaPtr& table : schemas()) {
    if (!names.empty()) names += ", ";
    names += quoted_name(connection_, table->schema, table->name);
  }
  if (names.empty()) return {};
  auto locked = connection_.query("LOCK TABLE " + names + " IN ACCESS SHARE MODE");
  if (!locked) return Failure(locked.error().in("locking the tables"));
  return {};
}

std::string SnapshotReader::table() const {
  return table_ != nullptr ? table_->schema->full_name() : "";
}

Result<std::shared_ptr<Batch>> SnapshotReader::next(SteadyTime deadline) {
  while (ready_.empty()) {
    if (table_ == nullptr) {
      auto begun = next_table_ == request_.tables.size() ? finish() : begin_table();
      if (!begun) return Failure(begun.error());
      continue;
    }
    std::string_view row;
    auto step = connection_.copy_next(deadline, row);
    if (!step) return Failure(explained(step.error(), *table_->schema));
    if (*step == postgres::Connection::CopyStep::kNothing) return nullptr;
    if (*step == postgres::Connection::CopyStep::kEnd) {
      if (auto ended = end_table(); !ended) return Failure(ended.error());
    } else if (auto added = add_row(row); !added) {
      return Failure(added.error());
    }
  }
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  return batch;
}

Error SnapshotReader::explained(Error error, const TableSchema& table) const {
  const bool is_ours = !config_.select_overrides.contains(table.full_name());
  return explain(std::move(error), table.full_name(), connection_.sqlstate(), is_ours);
}

Result<void> SnapshotReader::begin_table() {
  const SnapshotTable& next = request_.tables[next_table_++];
  any_sealed_ = false;
  rows_in_table_ = 0;
  if (!next.read.has_rows) {
    complete_table(next);
    return {};
  }
  auto planned = plan_copy(connection_, *next.schema, config_);
  if (planned) {
    plan_ = std::move(*planned);
    auto begun = connection_.copy_send(plan_.statement);
    if (!begun) planned = Failure(begun.error());
  }
  if (!planned) {
    return Failure(explained(planned.error(), *next.schema));
  }
  table_ = &next;
  ++tables_read_;
  return {};
}

Result<void> SnapshotReader::add_row(std::string_view row) {
  give_out(ended_);
  std::shared_ptr<Batch> full;
  if (batch_ && batch_bytes_ >= request_.batch_bytes) full = std::move(batch_);
  if (!batch_) {
    batch_ = new_batch(*table_);
    batch_bytes_ = 0;
  }
  auto after = read_row(row, *batch_);
  if (!after) return Failure(after.error());
  if (full) ready_.push_back(seal(std::move(full)));
  ++rows_;
  ++rows_in_table_;
  Change change;
  change.op = Op::kRead;
  change.snapshot = SnapshotMarker::kTrue;
  if (rows_in_table_ == 1) {
    change.snapshot = tables_read_ == 1 ? SnapshotMarker::kFirst : SnapshotMarker::kFirstInTable;
  }
  change.xid = at_.xid;
  change.table = table_->schema.get();
  change.after = *after;
  change.position = {at_.lsn, rows_};
  change.lsn = at_.lsn;
  change.commit_us = at_.commit_us;
  batch_->changes.push_back(change);
  batch_bytes_ += row.size() + table_->schema->columns.size() * sizeof(Datum) + sizeof(Change);
  return {};
}

Result<Tuple> SnapshotReader::read_row(std::string_view row, Batch& batch) const {
  const TableSchema& table = *table_->schema;
  const size_t count = table.columns.size();
  Datum* values = batch.arena.allocate_array<Datum>(count);
  std::fill_n(values, count, Datum{nullptr, 0, DatumKind::kAbsent});
  CopyTextReader reader(row, batch.arena);
  for (const int column : plan_.columns) {
    const Datum value = reader.field();
    if (column != CopyPlan::kSkip) values[column] = value;
  }
  const bool whole = plan_.columns.empty() ? reader.ok() : reader.complete();
  if (!whole) {
    return fail(ErrorKind::kProtocol, "row " + std::to_string(rows_in_table_ + 1) + " of " +
                                          table.full_name() + " is not what COPY was asked for");
  }
  return Tuple{values, static_cast<uint16_t>(count), TupleKind::kFull};
}

Result<void> SnapshotReader::end_table() {
  auto whole = check_rewritten(connection_, request_.connect, {&table_->schema, 1});
  if (!whole) return Failure(whole.error().in("snapshot of " + table()));
  if (rows_in_table_ > 0) {
    SnapshotMarker& last = batch_->changes.back().snapshot;
    if (last != SnapshotMarker::kFirst) last = SnapshotMarker::kLastInTable;
  }
  log::info("table read", {{"table", table_->schema->full_name()},
                           {"rows", rows_in_table_},
                           {"number", next_table_},
                           {"of", request_.tables.size()}});
  complete_table(*std::exchange(table_, nullptr));
  return {};
}

// The branches of different shares go on from different places: then each is told so.
void SnapshotReader::complete_table(const SnapshotTable& table) {
  const bool is_one = table.read.shares.size() == 1;
  if (batch_ && !is_one) ended_.push_back(seal(std::move(batch_)));
  for (const TableRead::Share& share : table.read.shares) {
    auto batch = batch_ ? std::move(batch_) : new_batch(table);
    batch_.reset();
    batch = seal(std::move(batch));
    batch->audience = share.audience;
    const Lsn from = share.since != 0 ? share.since : at_.lsn;
    batch->offset.snapshot = SnapshotPhase::kCompleted;
    batch->offset.position = {from - 1, UINT64_MAX};  // a commit record can start at `from` itself
    batch->offset.lsn_commit = from;
    ended_.push_back(std::move(batch));
  }
}

void SnapshotReader::give_out(std::deque<std::shared_ptr<Batch>>& batches) {
  std::ranges::move(batches, std::back_inserter(ready_));
  batches.clear();
}

Result<void> SnapshotReader::finish() {
  if (auto ended = connection_.query("COMMIT"); !ended) {
    return Failure(ended.error().in("end of the snapshot"));
  }
  for (const auto& batch : ended_) {
    if (!batch->changes.empty()) batch->changes.back().snapshot = SnapshotMarker::kLast;
  }
  give_out(ended_);
  if (request_.whole != 0) {
    auto end = std::make_shared<Batch>(request_.budget);
    end->stream = kSnapshotStream;
    end->audience = request_.whole;
    end->offset = at_;
    end->offset.snapshot = SnapshotPhase::kCompleted;
    end->offset.last_snapshot_record = true;
    ready_.push_back(std::move(end));
  }
  finished_ = true;
  return {};
}

std::vector<SchemaPtr> SnapshotReader::schemas() const {
  std::vector<SchemaPtr> out;
  for (const SnapshotTable& table : request_.tables) {
    if (table.read.has_rows) out.push_back(table.schema);
  }
  return out;
}

std::shared_ptr<Batch> SnapshotReader::new_batch(const SnapshotTable& table) {
  auto batch = std::make_shared<Batch>(request_.budget);
  batch->stream = table_stream(table.read.oid);
  batch->audience = table.read.audience();
  // The first one names the table also where it has no rows, so that a sink can make it.
  batch->schemas.push_back(table.schema);
  batch->snapshot_start = table.read.has_rows && !any_sealed_;
  any_sealed_ = true;
  return batch;
}

std::shared_ptr<Batch> SnapshotReader::seal(std::shared_ptr<Batch> batch) {
  batch->offset = at_;
  batch->offset.position = {at_.lsn, rows_};
  if (!batch->changes.empty()) batch->offset.position = batch->changes.back().position;
  return batch;
}

}  // namespace millrace
