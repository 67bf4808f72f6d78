#include "source/postgres/postgres_source.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "source/postgres/catalogue_lookup.h"
#include "source/postgres/regex_list.h"
#include "source/postgres/session.h"
#include "source/postgres/slot.h"
#include "source/postgres/slot_reader.h"
#include "source/postgres/snapshot.h"

namespace millrace {

namespace {

constexpr Millis kDropTimeout{3000};

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
        relations_(lookup_) {}

  Result<void> open(std::span<const BranchProgress> branches) override;
  Result<std::shared_ptr<Batch>> poll(SteadyTime deadline) override;
  Result<void> confirm(Lsn lsn) override;
  Result<void> close() override;

  bool finished() const override { return finished_; }

  SourceStatus status() const override;

 private:
  Result<void> start_stream();
  Result<std::shared_ptr<Batch>> poll_snapshot(SteadyTime deadline);
  Result<void> open_snapshot();
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
  RelationCache relations_;

  std::optional<Session> session_;
  std::unique_ptr<SnapshotReader> snapshot_;
  SteadyTime snapshot_due_;
  bool snapshot_pending_ = false;
  bool has_snapshotted_ = false;
  bool finished_ = false;

  std::optional<SlotReader> stream_;

  mutable std::mutex mutex_;
  SourceStatus status_;
};

Result<void> PostgresSource::open(std::span<const BranchProgress> branches) {
  disconnect();
  finished_ = false;
  set_phase("connecting");
  auto session = open_session(config_, filter_, branches, has_snapshotted_);
  if (!session) {
    set_phase("waiting", session.error().message);
    return Failure(session.error());
  }
  session_ = std::move(*session);
  if (session_->snapshot_audience != 0) {
    snapshot_pending_ = true;
    snapshot_due_ = steady_now() + Millis(config_.snapshot_delay_ms);
    set_phase("snapshot");
    return {};
  }
  return start_stream();
}

Result<void> PostgresSource::start_stream() {
  if (!session_->streams) {
    finished_ = true;
    set_phase("waiting", "the snapshot is complete; snapshot.mode=initial_only streams nothing");
    return {};
  }
  StreamOptions options;
  options.slot = config_.slot_name;
  options.publication = config_.publication_name;
  options.more_params = config_.slot_stream_params;
  options.start = start_lsn(session_->from);
  options.status_interval = session_->status_interval;
  options.silence_limit = session_->silence_limit;
  auto stream = ReplicationStream::start(std::move(*session_->replication), options);
  session_->replication.reset();
  if (!stream) return Failure(stream.error());
  DecoderOptions decoding;
  decoding.transaction_markers = options_.transaction_markers;
  decoding.captures_message = [this](std::string_view prefix) { return captures_message(prefix); };
  SlotReaderOptions reading;
  reading.budget = options_.budget;
  reading.batch_bytes = options_.batch_bytes;
  reading.moves_when_idle = config_.lsn_flush_mode == LsnFlushMode::kConnectorAndDriver;
  reading.idle_interval = options_.idle_interval;
  reading.heartbeat_interval = Millis(config_.heartbeat_interval_ms);
  if (!config_.heartbeat_action_query.empty()) {
    reading.on_heartbeat = [this] { run_heartbeat_query(); };
  }
  reading.server = session_->server;
  reading.floors = session_->floors;
  stream_.emplace(std::move(*stream),
                  ChangeDecoder(relations_, std::move(decoding), session_->from),
                  std::move(reading));
  set_phase("streaming");
  log::info("streaming", {{"slot", config_.slot_name}, {"lsn", format_lsn(options.start)}});
  return {};
}

Result<std::shared_ptr<Batch>> PostgresSource::poll(SteadyTime deadline) {
  Result<std::shared_ptr<Batch>> batch = nullptr;
  if (snapshot_pending_) {
    batch = poll_snapshot(deadline);
  } else if (stream_) {
    batch = stream_->next(deadline);
  } else if (!finished_) {
    batch = fail(ErrorKind::kUnreachable, "the source is not connected");
  }
  if (!batch) {
    set_phase("waiting", batch.error().message);
    disconnect();
  } else if (stream_) {
    const std::scoped_lock lock(mutex_);
    status_.server_lsn = stream_->server_lsn();
  }
  return batch;
}

Result<void> PostgresSource::open_snapshot() {
  SnapshotRequest request;
  request.connect = connect_options(config_);
  request.snapshot_name = session_->snapshot_name;
  request.tables = std::move(session_->tables);
  request.at = session_->snapshot_at;
  request.audience = session_->snapshot_audience;
  request.budget = options_.budget;
  request.batch_bytes = options_.batch_bytes;
  auto reader = SnapshotReader::open(std::move(request), config_);
  if (!reader) return Failure(reader.error());
  snapshot_ = std::move(*reader);
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
  {
    const std::scoped_lock lock(mutex_);
    status_.detail = snapshot_->table();
    status_.snapshot_rows = snapshot_->rows();
  }
  if (!snapshot_->finished()) return batch;
  session_->from.commit_us = std::max(session_->from.commit_us, snapshot_->offset().commit_us);
  snapshot_.reset();
  snapshot_pending_ = false;
  has_snapshotted_ = true;
  if (auto started = start_stream(); !started) {
    // The last batch is still good; the next poll says that there is no stream.
    log::warn("no stream after the snapshot", {{"why", started.error().text()}});
    disconnect();
  }
  return batch;
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
  if (!stream_) return {};
  const bool manual = config_.lsn_flush_mode == LsnFlushMode::kManual;
  auto confirmed = stream_->confirm(manual ? 0 : lsn);
  if (!confirmed) {
    set_phase("waiting", confirmed.error().message);
    disconnect();
    return confirmed;
  }
  const std::scoped_lock lock(mutex_);
  status_.confirmed_lsn = stream_->confirmed();
  status_.server_lsn = stream_->server_lsn();
  return {};
}

Result<void> PostgresSource::close() {
  Result<void> closed;
  if (stream_) closed = stream_->close();
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
  snapshot_.reset();
  snapshot_pending_ = false;
  stream_.reset();
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
