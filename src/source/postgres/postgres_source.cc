#include "source/postgres/postgres_source.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "event/progress.h"
#include "source/postgres/catalogue_lookup.h"
#include "source/postgres/lost_value.h"
#include "source/postgres/regex_list.h"
#include "source/postgres/session.h"
#include "source/postgres/slot.h"
#include "source/postgres/slot_streams.h"
#include "source/postgres/snapshot.h"
#include "source/postgres/snapshot_silence.h"
#include "source/postgres/table_plan.h"

namespace millrace {

namespace {

constexpr Millis kDropTimeout{3000};
constexpr Millis kTablesEvery{100};  // how often is said which tables a snapshot reads, and how far
constexpr Millis kTurn{5};  // that a stream or a snapshot waits for data where both are read

class PostgresSource final : public Source {
 public:
  PostgresSource(PostgresSourceOptions options, TableFilter filter, RegexList prefix_include,
                 RegexList prefix_exclude)
      : options_(std::move(options)),
        config_(options_.config),
        filter_(std::move(filter)),
        prefix_include_(std::move(prefix_include)),
        prefix_exclude_(std::move(prefix_exclude)),
        lookup_(config_, filter_),
        streams_(options_, lookup_,
                 {[this](std::string_view prefix) { return captures_message(prefix); },
                  [this] { run_heartbeat_query(); }}) {}

  Result<void> open(std::span<const BranchProgress> branches) override;
  Result<std::shared_ptr<Batch>> poll(SteadyTime deadline, uint64_t full) override;

  uint64_t snapshot_audience() const override {
    return snapshot_pending_ ? session_->plan.snapshot_audience() : 0;
  }

  Result<void> catch_up(size_t branch, const Progress& progress) override;

  void end_catch_up(size_t branch) override { streams_.end_catch_up(branch); }

  Lsn end_of_log() override;

  uint64_t catching_up() const override { return streams_.catching_up(); }

  Result<void> confirm(Lsn lsn) override;
  Result<void> close() override;

  bool wants_open() const override { return wants_open_; }

  bool finished() const override { return finished_; }

  SourceStatus status() const override;

 private:
  void queue_marks();
  Result<void> start_stream();
  Result<std::shared_ptr<Batch>> poll_any(SteadyTime deadline, uint64_t full);
  Result<std::shared_ptr<Batch>> poll_stream(SteadyTime deadline, uint64_t full);
  std::shared_ptr<Batch> start_over(const Batch& batch);
  bool snapshot_is_due() const;
  Result<std::shared_ptr<Batch>> poll_snapshot(SteadyTime deadline);
  Result<void> open_snapshot();
  void end_snapshot();
  void open_stream_again();
  Result<void> look_for_tables();
  void run_heartbeat_query();
  bool captures_message(std::string_view prefix) const;
  void disconnect();
  void set_phase(std::string phase, std::string detail = {});

  const PostgresSourceOptions options_;
  const PostgresConfig& config_;
  const TableFilter filter_;
  const RegexList prefix_include_;
  const RegexList prefix_exclude_;
  CatalogueLookup lookup_;

  std::optional<Session> session_;
  std::unique_ptr<SnapshotReader> snapshot_;
  std::optional<SnapshotSilence> snapshot_silence_;  // of snapshot_
  SteadyTime snapshot_due_;
  SteadyTime tables_due_;
  bool snapshot_pending_ = false;
  bool is_snapshots_turn_ = false;  // of the two, where both are read
  std::deque<std::shared_ptr<Batch>> marks_;
  SessionPast past_;
  SteadyTime look_due_;
  bool wants_open_ = false;
  bool finished_ = false;

  SlotStreams streams_;

  mutable std::mutex mutex_;
  SourceStatus status_;
};

Result<void> PostgresSource::open(std::span<const BranchProgress> branches) {
  disconnect();
  finished_ = false;
  set_phase("connecting");
  auto session = open_session(config_, filter_, branches, past_);
  if (!session) {
    set_phase("waiting", session.error().message);
    return Failure(session.error());
  }
  session_ = std::move(*session);
  {
    const std::scoped_lock lock(mutex_);
    status_.server_lsn = session_->server.lsn;
  }
  queue_marks();
  snapshot_pending_ = session_->plan.needs_snapshot();
  if (snapshot_pending_) {
    snapshot_due_ = steady_now() + Millis(config_.snapshot_delay_ms);
    set_phase("snapshot");
    if (session_->plan.streaming == 0) return {};
  }
  return start_stream();
}

// What the branches are told before any data. A table whose snapshot is read beside the stream is
// left out of the stream from its start on.
void PostgresSource::queue_marks() {
  const StartPlan& plan = session_->plan;
  Offset running = session_->snapshot_at;
  running.snapshot = SnapshotPhase::kRunning;
  std::vector<Mark> marks = plan.marks;
  if (plan.restarts != 0) {
    marks.push_back({plan.restarts, std::string(kSnapshotStream), running});
  }
  for (const TableRead& read : plan.reads)
    add_marks(read, plan.streaming, session_->snapshot_at, marks);
  for (const Mark& mark : marks) {
    auto batch = std::make_shared<Batch>(options_.budget);
    batch->audience = mark.audience;
    batch->stream = mark.stream;
    batch->offset = mark.offset;
    // All tables are made before the first row: a branch that runs after this one may join them.
    batch->snapshot_start = mark.stream == kSnapshotStream && (mark.audience & plan.restarts) != 0;
    if (batch->snapshot_start) batch->schemas = session_->tables;
    for (const SchemaPtr& table : session_->tables) {
      if (mark.offset.unread.until != 0 && mark.stream == table_stream(table->oid)) {
        batch->schemas.push_back(table);
      }
    }
    marks_.push_back(std::move(batch));
  }
}

Result<void> PostgresSource::start_stream() {
  if (!session_->plan.streams) {
    finished_ = true;
    set_phase("waiting", "the snapshot is complete; snapshot.mode=initial_only streams nothing");
    return {};
  }
  lookup_.limit_silence(session_->silence_limit);
  if (auto started = streams_.start(*session_); !started) return started;
  past_.has_streamed = true;
  look_due_ = steady_now() + Millis(config_.table_refresh_interval_ms);
  if (!snapshot_pending_) set_phase("streaming");
  return {};
}

Result<void> PostgresSource::catch_up(size_t branch, const Progress& progress) {
  const auto from = needed_from(progress);
  const bool is_plain = from && from->position != Position{} && !has_unfinished(progress);
  if (!is_plain || !streams_.has_started()) {
    return fail(ErrorKind::kBusy, "it has no place in the stream, or an unfinished snapshot");
  }
  return streams_.catch_up(*session_, branch, *from);
}

Result<std::shared_ptr<Batch>> PostgresSource::poll(SteadyTime deadline, uint64_t full) {
  if (!marks_.empty()) {
    auto mark = std::move(marks_.front());
    marks_.pop_front();
    return mark;
  }
  const auto looked = look_for_tables();
  auto batch = looked ? poll_any(deadline, full) : Failure(looked.error());
  if (!batch) {
    set_phase("waiting", batch.error().message);
    disconnect();
  } else if (streams_.has_started()) {
    const std::scoped_lock lock(mutex_);
    status_.server_lsn = std::max(status_.server_lsn, streams_.server_lsn());
  }
  return batch;
}

// A snapshot that is read beside the stream takes turns with it.
Result<std::shared_ptr<Batch>> PostgresSource::poll_any(SteadyTime deadline, uint64_t full) {
  const bool held_up = (snapshot_audience() & full) != 0;
  const bool is_both = snapshot_pending_ && streams_.has_started();
  if (is_both || held_up) deadline = std::min(deadline, steady_now() + kTurn);
  is_snapshots_turn_ = !is_snapshots_turn_;
  const bool reads_snapshot =
      snapshot_pending_ && !held_up && snapshot_is_due() && (!is_both || is_snapshots_turn_);
  if (reads_snapshot) return poll_snapshot(deadline);
  if (streams_.has_started()) return poll_stream(deadline, full);
  if (held_up) std::this_thread::sleep_until(deadline);
  if (held_up || finished_) return nullptr;
  return fail(ErrorKind::kUnreachable, "the source is not connected");
}

// The rest of a table is of use only to a branch that has all changes before it.
bool PostgresSource::snapshot_is_due() const {
  if (!streams_.has_started() || !session_->plan.snapshot_waits()) return true;
  return streams_.published() >= session_->snapshot_at.position;
}

Result<std::shared_ptr<Batch>> PostgresSource::poll_stream(SteadyTime deadline, uint64_t full) {
  auto batch = streams_.next(deadline, full);
  past_.needs_text = past_.needs_text || streams_.needs_text();
  if (streams_.needs_text() || (!snapshot_pending_ && streams_.is_swollen())) open_stream_again();
  if (!batch || *batch == nullptr || !snapshot_pending_) return batch;
  if (auto mark = start_over(**batch)) return mark;
  return batch;
}

// Null: the batch is good. Else it is not given, and comes again once the source is open again.
std::shared_ptr<Batch> PostgresSource::start_over(const Batch& batch) {
  const Change* lost = find_lost_value(batch, session_->plan, session_->snapshot_at.position);
  if (lost == nullptr) return nullptr;
  log::info(
      "a row got another key, and not all of its values were sent: the snapshot of the "
      "table starts over",
      {{"table", lost->table->full_name()}, {"lsn", format_lsn(lost->lsn)}});
  auto mark = std::make_shared<Batch>(options_.budget);
  mark->stream = table_stream(lost->table->oid);
  const auto& reads = session_->plan.reads;
  mark->audience = std::ranges::find(reads, lost->table->oid, &TableRead::oid)->followers();
  mark->offset = session_->snapshot_at;
  mark->offset.snapshot = SnapshotPhase::kRunning;
  wants_open_ = true;
  return mark;
}

// In order, so that the slot is free at once.
void PostgresSource::open_stream_again() {
  wants_open_ = true;
  if (auto closed = streams_.close(); !closed) {
    log::debug("stream not closed in order", {{"why", closed.error().text()}});
  }
}

Result<void> PostgresSource::open_snapshot() {
  SnapshotRequest request;
  request.connect = connect_options(config_);
  request.connect.answer_timeout = answer_timeout(config_);
  request.snapshot_name = session_->snapshot_name;
  for (size_t i = 0; i < session_->tables.size(); ++i) {
    request.tables.push_back(
        {std::move(session_->tables[i]), session_->plan.reads[i], std::move(session_->chunks[i])});
  }
  request.at = session_->snapshot_at;
  request.beside_stream = session_->plan.streaming != 0;
  request.whole = session_->plan.whole;
  request.budget = options_.budget;
  request.batch_bytes = options_.batch_bytes;
  auto reader = SnapshotReader::open(std::move(request), config_);
  if (!reader) return Failure(reader.error());
  snapshot_ = std::move(*reader);
  lookup_.limit_silence(session_->silence_limit);
  snapshot_silence_.emplace(lookup_, session_->silence_limit);
  session_->snapshot_keeper.reset();
  return {};
}

Result<std::shared_ptr<Batch>> PostgresSource::poll_snapshot(SteadyTime deadline) {
  if (steady_now() < snapshot_due_) {
    set_phase("snapshot", "snapshot.delay.ms");
    std::this_thread::sleep_until(std::min(deadline, snapshot_due_));
    return nullptr;
  }
  if (!snapshot_) {
    if (auto opened = open_snapshot(); !opened) return Failure(opened.error());
  }
  auto batch = snapshot_->next(deadline);
  if (!batch) return batch;
  if (*batch == nullptr) {
    for (const SnapshotReader::Waiting& one : snapshot_->waiting()) {
      if (auto looked = snapshot_silence_->look(one.backend_pid, one.heard); !looked) {
        return Failure(looked.error().in("snapshot of " + snapshot_->table()));
      }
    }
  }
  {
    const std::scoped_lock lock(mutex_);
    status_.snapshot_rows = snapshot_->rows();
    if (const SteadyTime now = steady_now(); now >= tables_due_) {
      tables_due_ = now + kTablesEvery;
      status_.detail = snapshot_->table();
      status_.snapshot_tables = snapshot_->tables();
    }
  }
  if (snapshot_->finished()) end_snapshot();
  return batch;
}

void PostgresSource::end_snapshot() {
  session_->from.commit_us = std::max(session_->from.commit_us, snapshot_->offset().commit_us);
  snapshot_.reset();
  snapshot_pending_ = false;
  {
    const std::scoped_lock lock(mutex_);
    status_.detail.clear();
    status_.snapshot_tables.clear();
  }
  past_.has_snapshotted = true;
  StartPlan& plan = session_->plan;
  if (plan.streams && !plan.is_first_snapshot()) {  // the stream has to go back for some
    wants_open_ = true;
    return;
  }
  plan.streaming = plan.whole;
  std::ranges::fill(session_->floors, session_->snapshot_at.lsn_commit);
  if (auto started = start_stream(); !started) {
    // The last batch is still good; the next poll says that there is no stream.
    log::warn("no stream after the snapshot", {{"why", started.error().text()}});
    disconnect();
  }
}

Lsn PostgresSource::end_of_log() {
  const auto end = lookup_.end_of_wal();
  const std::scoped_lock lock(mutex_);
  if (end) status_.server_lsn = std::max(status_.server_lsn, *end);
  return status_.server_lsn;
}

// Not while the stream doubts that the server is there: it finds out sooner. A server that was
// silent for too long here is given up, as the stream would have done meanwhile.
Result<void> PostgresSource::look_for_tables() {
  if (!streams_.has_started() || streams_.waits_for_answer()) return {};
  const Millis interval(config_.table_refresh_interval_ms);
  const SteadyTime now = steady_now();
  if (interval == Millis(0) || snapshot_pending_ || now < look_due_) return {};
  look_due_ = now + interval;
  const auto captured = lookup_.captured_oids();
  if (!captured) {
    const Millis limit = session_->silence_limit;
    if (limit > Millis(0) && steady_now() >= now + limit) return Failure(captured.error());
    log::debug("no look for new tables", {{"why", captured.error().text()}});
    return {};
  }
  end_of_log();
  if (*captured == session_->captured) return {};
  log::info("captured tables came or went: connecting again", {{"slot", config_.slot_name}});
  wants_open_ = true;
  return {};
}

bool PostgresSource::captures_message(std::string_view prefix) const {
  if (!prefix_include_.empty()) return prefix_include_.matches(prefix);
  return !prefix_exclude_.matches(prefix);
}

void PostgresSource::run_heartbeat_query() {
  if (auto ran = lookup_.run(config_.heartbeat_action_query); !ran) {
    log::warn("heartbeat.action.query failed", {{"why", ran.error().text()}});
  }
}

Result<void> PostgresSource::confirm(Lsn lsn) {
  if (!streams_.has_started()) return {};
  const bool manual = config_.lsn_flush_mode == LsnFlushMode::kManual;
  auto confirmed = streams_.confirm(manual ? 0 : lsn);
  if (!confirmed) {
    set_phase("waiting", confirmed.error().message);
    disconnect();
    return confirmed;
  }
  const std::scoped_lock lock(mutex_);
  status_.confirmed_lsn = streams_.confirmed();
  status_.server_lsn = std::max(status_.server_lsn, streams_.server_lsn());
  return {};
}

Result<void> PostgresSource::close() {
  const Result<void> closed = streams_.close();
  disconnect();
  set_phase("waiting", "closed");
  if (!config_.slot_drop_on_stop) return closed;
  auto connection = open_query_connection(config_);
  if (!connection) return Failure(connection.error());
  // The server lets the slot go a moment after the stream has ended.
  const SteadyTime deadline = steady_now() + kDropTimeout;
  auto dropped = drop_slot(*connection, config_.slot_name);
  while (!dropped && dropped.error().kind == ErrorKind::kBusy && steady_now() < deadline) {
    std::this_thread::sleep_for(Millis(50));
    dropped = drop_slot(*connection, config_.slot_name);
  }
  return dropped;
}

void PostgresSource::disconnect() {
  marks_.clear();
  wants_open_ = false;
  snapshot_.reset();
  snapshot_pending_ = false;
  {
    const std::scoped_lock lock(mutex_);
    status_.snapshot_tables.clear();
  }
  streams_.disconnect();
  session_.reset();
  lookup_.disconnect();
}

void PostgresSource::set_phase(std::string phase, std::string detail) {
  const std::scoped_lock lock(mutex_);
  status_.phase = std::move(phase);
  status_.detail = std::move(detail);
}

SourceStatus PostgresSource::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

}  // namespace

Result<std::unique_ptr<Source>> make_postgres_source(PostgresSourceOptions options) {
  const PostgresConfig& config = options.config;
  auto filter = TableFilter::make(config);
  if (!filter) return Failure(filter.error());
  auto include = RegexList::make("message.prefix.include.list", config.message_prefix_include);
  if (!include) return Failure(include.error());
  auto exclude = RegexList::make("message.prefix.exclude.list", config.message_prefix_exclude);
  if (!exclude) return Failure(exclude.error());
  return std::make_unique<PostgresSource>(std::move(options), std::move(*filter),
                                          std::move(*include), std::move(*exclude));
}

}  // namespace millrace
