#include "source/postgres/snapshot.h"

#include <poll.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "source/postgres/copy_text.h"
#include "source/postgres/row_values.h"
#include "source/postgres/shared_snapshot.h"
#include "source/postgres/unseen_rows.h"

namespace millrace {

namespace {

// TLS may have decrypted what the socket no longer shows.
constexpr Millis kLongestWait{10};

}  // namespace

SnapshotReader::SnapshotReader(SnapshotRequest request, const PostgresConfig& config,
                               postgres::Connection connection)
    : request_(std::move(request)), config_(config), at_(request_.at) {
  lanes_.push_back(std::make_unique<Lane>(std::move(connection)));
}

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
  postgres::Connection& connection = lanes_.front()->copy.connection();
  auto snapshot = begin_snapshot(connection, config_, request_.snapshot_name, request_.at);
  if (!snapshot) return Failure(snapshot.error());
  at_ = snapshot->at;
  if (config_.snapshot_locking == SnapshotLocking::kShared) {
    if (auto locked = lock_tables(connection, schemas()); !locked) return locked;
  }
  if (auto looked = look_at_tables(); !looked) return looked;
  auto more = share_snapshot(connection, *snapshot, config_, request_.connect, useful_lanes() - 1);
  if (!more) return Failure(more.error());
  for (postgres::Connection& one : *more)
    lanes_.push_back(std::make_unique<Lane>(std::move(one)));
  return {};
}

// A table that is gone says so when it is read.
Result<void> SnapshotReader::look_at_tables() {
  auto keys = read_table_keys(lanes_.front()->copy.connection(), config_, schemas());
  if (!keys) return Failure(keys.error());
  for (const SnapshotTable& asked : request_.tables) {
    Table& table = tables_.emplace_back();
    table.asked = &asked;
    const auto key = keys->find(asked.read.oid);
    if (key != keys->end()) table.key = key->second;
    table.is_chunked = !asked.read.rests.empty() || table.key.chunks(chunk_bytes()) > 1;
    for (const TableRead::Rest& rest : asked.read.rests) {
      if (rest.own.unread.shape == table.key.shape) continue;
      return fail(ErrorKind::kBusy, asked.schema->full_name() + " was altered just now",
                  "its snapshot starts over");
    }
  }
  return {};
}

uint64_t SnapshotReader::useful_lanes() const {
  uint64_t parts = 0;
  for (const Table& table : tables_) {
    if (table.asked->read.has_rows) parts += table.is_chunked ? table.key.chunks(chunk_bytes()) : 1;
  }
  return std::clamp<uint64_t>(parts, 1, static_cast<uint64_t>(config_.snapshot_max_threads));
}

std::string SnapshotReader::table() const {
  const auto reading = std::ranges::find_if(
      tables_, [](const Table& table) { return table.number != 0 && !table.done; });
  return reading != tables_.end() ? reading->schema().full_name() : "";
}

std::vector<TableSnapshotStatus> SnapshotReader::tables() const {
  std::vector<TableSnapshotStatus> out;
  for (const Table& table : tables_) {
    if (table.done || table.number == 0) continue;
    const auto elapsed = std::chrono::duration_cast<Millis>(steady_now() - table.since);
    out.push_back({table.schema().full_name(), table.copied_rows, table.key.rows,
                   table.copied_bytes, elapsed});
  }
  return out;
}

std::vector<SnapshotReader::Waiting> SnapshotReader::waiting() const {
  std::vector<Waiting> out;
  for (const auto& lane : lanes_) {
    const postgres::Connection& connection = lane->copy.connection();
    if (lane->table != nullptr) out.push_back({connection.backend_pid(), connection.heard()});
  }
  return out;
}

Result<std::shared_ptr<Batch>> SnapshotReader::next(SteadyTime deadline) {
  while (ready_.empty() && !finished_) {
    if (failed_) return Failure(*failed_);
    const auto moved = turn(deadline);
    if (!moved) {
      failed_ = moved.error();
      give_out_ended();
    } else if (!*moved && ready_.empty()) {
      if (steady_now() >= deadline) return nullptr;
      if (lanes_.size() > 1) wait(deadline);
    }
  }
  if (ready_.empty()) return nullptr;
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  return batch;
}

// Of all connections. One alone may wait until the deadline. True when something was read or ended.
Result<bool> SnapshotReader::turn(SteadyTime deadline) {
  bool moved = false;
  for (const auto& lane : lanes_) {
    if (lane->table == nullptr) {
      if (auto given = give_work(*lane); !given) return Failure(explained(given.error(), *lane));
    }
    if (lane->table == nullptr) continue;
    auto stepped = step(*lane, lanes_.size() == 1 ? deadline : SteadyTime{});
    if (!stepped) return Failure(explained(stepped.error(), *lane));
    moved = moved || *stepped;
  }
  if (tables_done_ < tables_.size()) return moved;
  if (auto ended = finish(); !ended) return Failure(ended.error());
  return true;
}

void SnapshotReader::wait(SteadyTime deadline) const {
  std::vector<pollfd> sockets;
  for (const auto& lane : lanes_) {
    if (lane->table != nullptr) {
      sockets.push_back({lane->copy.connection().socket(), POLLIN, 0});
    }
  }
  const auto left = std::chrono::ceil<Millis>(deadline - steady_now());
  const auto wait = std::clamp(left, Millis(0), kLongestWait);
  ::poll(sockets.data(), sockets.size(), static_cast<int>(wait.count()));
}

Error SnapshotReader::explained(Error error, const Lane& lane) const {
  if (lane.table == nullptr) return error.in("snapshot");
  const std::string table = lane.table->schema().full_name();
  const std::string& state = lane.copy.connection().sqlstate();
  if (state == "42501" && error.message.find("row-level security") != std::string::npos) {
    error.cure = "the role would not see all rows: ALTER ROLE … BYPASSRLS, or leave the table out";
  } else if (state == "42501") {
    error.cure = "GRANT SELECT ON " + table + " TO the role, and USAGE on its schema";
  } else if (!config_.select_overrides.contains(table) && (state == "42703" || state == "42P01")) {
    error.kind =
        ErrorKind::kBusy;  // dropped or altered since its columns were read: they are read anew
  }
  return error.in("snapshot of " + table);
}

// Of the first table that has something to be read. Nothing when there is none for now.
Result<void> SnapshotReader::give_work(Lane& lane) {
  for (Table& table : tables_) {
    if (table.done || table.finds_bounds) continue;
    if (table.number == 0) {
      begin_table(table);
      if (table.done) continue;
      if (table.is_chunked && !table.chunks.empty()) return find_bounds(lane, table);
    }
    if (!table.chunks.empty()) return begin_chunk(lane, table);
    if (table.reading == 0) complete_table(table);
  }
  return {};
}

void SnapshotReader::begin_table(Table& table) {
  table.since = steady_now();
  if (!table.asked->read.has_rows) {
    complete_table(table);
    return;
  }
  table.number = ++tables_read_;
  const TableRead& read = table.asked->read;
  table.chunks.assign(table.asked->chunks.begin(), table.asked->chunks.end());
  if (read.rests.empty()) table.chunks.push_back({KeyRange(), read.audience()});
  table.is_started = !read.rests.empty();
  if (!table.is_chunked) return;
  table.bounds.resize(table.chunks.size());
  for (const TableRead::Share& share : read.shares) {
    const uint64_t anew = share.audience & ~read.followers();
    if (anew == 0) continue;
    auto start = new_batch(table, anew);
    start->snapshot_start = true;
    start->resumes = false;
    start->offset.position = {at_.lsn - 1, UINT64_MAX};
    if (share.since != 0) start->offset.lsn_commit = share.since;
    start->offset.unread = {at_.lsn, table.key.shape, {KeyRange()}, std::nullopt};
    table.is_started = true;
    ready_.push_back(std::move(start));
  }
}

Result<void> SnapshotReader::find_bounds(Lane& lane, Table& table) {
  const std::vector<KeyChunk> chunks(table.chunks.begin(), table.chunks.end());
  lane.table = &table;
  lane.finds_bounds = table.finds_bounds = true;
  postgres::Connection& connection = lane.copy.connection();
  return connection.copy_send(
      bounds_query(connection, table.schema(), table.key, chunk_bytes(), chunks));
}

// "part", then the key's columns.
Result<void> SnapshotReader::take_bound(Lane& lane, std::string_view row) {
  Arena arena(nullptr);
  CopyTextReader fields(row, arena);
  const auto part = number<size_t>(fields.field().view());
  std::vector<std::string> key;
  key.reserve(lane.table->key.columns.size());
  for (size_t i = 0; i < lane.table->key.columns.size(); ++i)
    key.emplace_back(fields.field().view());
  if (!fields.complete() || part >= lane.table->bounds.size()) {
    return fail(ErrorKind::kProtocol, "a bound of its chunks is not what COPY was asked for");
  }
  lane.table->bounds[part].push_back(std::move(key));
  return {};
}

void SnapshotReader::split_chunks(Table& table) {
  std::vector<KeyChunk> chunks;
  for (size_t i = 0; i < table.chunks.size(); ++i) {
    for (KeyChunk& chunk : split_chunk(table.chunks[i], table.bounds[i]))
      chunks.push_back(std::move(chunk));
  }
  table.chunks = std::move(chunks);
  const uint64_t in_all = table.key.chunks(chunk_bytes());
  const bool is_rest = !table.asked->read.rests.empty() && table.key.rows > 0;
  if (is_rest && table.chunks.size() < in_all) {
    table.key.rows =
        static_cast<int64_t>(static_cast<uint64_t>(table.key.rows) * table.chunks.size() / in_all);
  }
  table.bounds.clear();
  table.finds_bounds = false;
}

Result<void> SnapshotReader::begin_chunk(Lane& lane, Table& table) {
  lane.table = &table;
  lane.chunk = std::move(table.chunks.front());
  table.chunks.erase(table.chunks.begin());
  ++table.reading;
  const std::string condition =
      table.is_chunked
          ? range_condition(lane.copy.connection(), table.key.column_list(), lane.chunk.range)
          : "";
  auto planned = plan_copy(lane.copy.connection(), table.schema(), config_, condition);
  if (!planned) return Failure(planned.error());
  table.is_binary = !planned->renders.empty();
  auto make = [this, &lane] {
    auto batch = new_batch(*lane.table, lane.chunk.audience);
    if (lane.table->is_chunked) batch->chunk = lane.chunk.range.through.number;
    return batch;
  };
  return lane.copy.begin(
      {table.asked->schema, std::move(*planned), at_, std::move(make), request_.batch_bytes});
}

// True when something was read.
Result<bool> SnapshotReader::step(Lane& lane, SteadyTime deadline) {
  Table& table = *lane.table;
  if (lane.finds_bounds) {
    std::string_view row;
    auto step = lane.copy.connection().copy_next(deadline, row);
    if (!step) return Failure(step.error());
    if (*step == postgres::Connection::CopyStep::kNothing) return false;
    if (*step == postgres::Connection::CopyStep::kEnd) {
      split_chunks(table);
      lane.finds_bounds = false;
      lane.table = nullptr;
    } else if (auto taken = take_bound(lane, row); !taken) {
      return Failure(taken.error());
    }
    return true;
  }
  const uint64_t rows_before = lane.copy.rows();
  auto read = lane.copy.read(deadline);
  if (!read) return Failure(read.error());
  const uint64_t rows = lane.copy.rows() - rows_before;
  table.copied_rows += rows;
  table.copied_bytes += lane.copy.take_bytes();
  if (*read == TableCopy::Step::kNothing) return rows > 0;
  if (*read == TableCopy::Step::kBatch) {
    hold(table, lane.copy.take_batch());
  } else if (auto ended = end_chunk(lane); !ended) {
    return Failure(ended.error());
  }
  return true;
}

Result<void> SnapshotReader::end_chunk(Lane& lane) {
  Table& table = *lane.table;
  auto whole = check_unseen_rows(lane.copy.connection(), request_.connect, table.schema());
  if (!whole) return whole;
  auto batch = lane.copy.take_batch();
  if (table.is_chunked) {
    if (!batch) batch = new_batch(table, lane.chunk.audience);
    batch->offset.unread.read = lane.chunk.range;
  }
  if (batch) hold(table, std::move(batch));
  --table.reading;
  lane.table = nullptr;
  if (table.chunks.empty() && table.reading == 0) complete_table(table);
  return {};
}

// What comes after the last rows waits with them.
void SnapshotReader::hold(Table& table, std::shared_ptr<Batch> batch) {
  if (!batch->changes.empty()) {
    give_out_ended();  // none of it is the last of all
    for (const auto& before : std::exchange(table.held, {}))
      release(table, before);
  }
  if (batch->changes.empty() && table.held.empty()) {
    release(table, std::move(batch));
  } else {
    table.held.push_back(std::move(batch));
  }
}

void SnapshotReader::release(Table& table, std::shared_ptr<Batch> batch) {
  place(table, *batch);
  ready_.push_back(std::move(batch));
}

// Where it stands in the order in which all are given.
void SnapshotReader::place(Table& table, Batch& batch) {
  if (!batch.changes.empty()) {
    give_out_ended();
    if (table.rows == 0) {
      batch.changes.front().snapshot =
          table.number == 1 ? SnapshotMarker::kFirst : SnapshotMarker::kFirstInTable;
    }
  }
  for (Change& change : batch.changes)
    change.position = {at_.lsn, ++rows_};
  table.rows += batch.changes.size();
  batch.offset.position = {at_.lsn, rows_};
}

void SnapshotReader::place_last(Table& table) {
  for (const auto& batch : table.held)
    place(table, *batch);
  if (table.held.empty() || table.held.front()->changes.empty()) return;
  SnapshotMarker& last = table.held.front()->changes.back().snapshot;
  if (last != SnapshotMarker::kFirst) last = SnapshotMarker::kLastInTable;
}

// The branches of different shares go on from different places: then each is told so.
void SnapshotReader::complete_table(Table& table) {
  const TableRead& read = table.asked->read;
  table.done = true;
  ++tables_done_;
  place_last(table);
  if (read.has_rows) {
    log::info("table read", {{"table", table.schema().full_name()},
                             {"rows", table.rows},
                             {"format", table.is_binary ? "binary" : "text"},
                             {"number", tables_done_},
                             {"of", request_.tables.size()}});
  }
  std::shared_ptr<Batch> last;
  const bool is_one = read.shares.size() == 1 && !table.held.empty() &&
                      table.held.back()->audience == read.audience();
  if (is_one) {
    last = std::move(table.held.back());
    table.held.pop_back();
  }
  std::ranges::move(std::exchange(table.held, {}), std::back_inserter(ended_));
  for (const TableRead::Share& share : read.shares) {
    auto batch = last ? std::exchange(last, nullptr) : new_batch(table, share.audience);
    const Lsn from = share.since != 0 ? share.since : at_.lsn;
    batch->offset.snapshot = SnapshotPhase::kCompleted;
    batch->offset.stands_still = request_.beside_stream;
    batch->offset.position = {from - 1, UINT64_MAX};  // a commit record can start at `from` itself
    batch->offset.lsn_commit = from;
    ended_.push_back(std::move(batch));
  }
}

void SnapshotReader::give_out_ended() {
  std::ranges::move(ended_, std::back_inserter(ready_));
  ended_.clear();
}

Result<void> SnapshotReader::finish() {
  for (const auto& lane : lanes_) {
    if (auto ended = lane->copy.connection().query("COMMIT"); !ended) {
      return Failure(ended.error().in("end of the snapshot"));
    }
  }
  for (const auto& batch : ended_) {
    if (!batch->changes.empty()) batch->changes.back().snapshot = SnapshotMarker::kLast;
  }
  give_out_ended();
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

std::shared_ptr<Batch> SnapshotReader::new_batch(Table& table, uint64_t audience) const {
  auto batch = std::make_shared<Batch>(request_.budget);
  batch->stream = table_stream(table.asked->read.oid);
  batch->audience = audience;
  // The first one names the table also where it has no rows, so that a sink can make it.
  batch->schemas.push_back(table.asked->schema);
  batch->snapshot_start = table.asked->read.has_rows && !std::exchange(table.is_started, true);
  batch->offset = at_;
  batch->offset.position = {at_.lsn, rows_};
  if (table.is_chunked) {
    batch->offset.unread.until = at_.lsn;
    batch->resumes = !table.asked->read.rests.empty();
  }
  return batch;
}

}  // namespace millrace
