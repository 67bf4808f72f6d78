#include "sink/duckdb/duckdb_sink.h"

#include <re2/re2.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <thread>

#include "event/progress.h"
#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/history_writer.h"
#include "sink/duckdb/mirror_writer.h"
#include "wire/duckdb/row_statement.h"

namespace millrace {

namespace {

using duckdb::Bookkeeping;
using duckdb::ChangeWriter;
using duckdb::Connection;
using duckdb::Database;
using duckdb::Refusal;

constexpr int kConflictRetries = 5;

// As table.include.list: a regex on schema.table, of the whole name, without regard to case.
bool matches(const std::string& regex, const TableSchema& table) {
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  return RE2::FullMatch(table.full_name(), RE2(regex, options));
}

// What was left of the table, where this batch says that its snapshot goes on; else null.
const UnreadKeys* resumed(const Batch& batch, const Progress& progress) {
  const Lsn until = batch.offset.unread.until;
  if (until == 0 || batch.snapshot_start || !batch.changes.empty()) return nullptr;
  const auto own = progress.find(batch.stream);
  if (own == progress.end()) return nullptr;
  const UnreadKeys& unread = own->second.unread;
  return unread.until != 0 && unread.until != until ? &unread : nullptr;
}

class DuckDbSink final : public Sink {
 public:
  DuckDbSink(DuckDbSinkConfig config, BranchConfig branch, const SinkContext& context)
      : config_(std::move(config)),
        branch_(std::move(branch)),
        context_(context),
        flush_bytes_(
            std::min(static_cast<size_t>(config_.flush_bytes.value), context.memory_share / 3)) {}

  Result<std::optional<Progress>> open() override;
  Result<void> write(BatchView view) override;
  Result<SinkReport> poll(SteadyTime deadline) override;
  Result<SinkReport> drain(SteadyTime deadline) override;

  bool holds_rows() const override { return config_.mode == DuckDbMode::kMirror; }

 private:
  struct State {  // of one opening
    Connection connection;
    Bookkeeping bookkeeping;
    std::unique_ptr<ChangeWriter> writer;
    Progress progress;  // committed

    State(Connection opened, const SinkContext& context)
        : connection(std::move(opened)),
          bookkeeping(connection, context.pipeline, context.branch) {}
  };

  std::unique_ptr<ChangeWriter> make_writer(State& state) const;
  Result<void> check_sql(Connection& connection) const;
  Result<void> flush();

  bool is_full() const { return pending_bytes_ >= flush_bytes_; }

  size_t prepared_batches() const;
  Result<void> commit_batches(size_t count);
  Result<void> write_batches(size_t count, Progress& progress);
  Result<void> write_batch(const BatchView& view, Progress& progress);
  Result<void> add_without_refused(const BatchView& view);
  Result<void> bury_refused();
  Result<void> find_refused(size_t count);
  bool is_storable(std::span<const Change> changes, const Batch& batch);
  Result<void> bisect(std::span<const Change> changes, const Batch& batch);

  Result<void> find_refused_together(size_t count);
  bool is_storable_through(size_t changes);
  const Change& pending_change(size_t index) const;
  Result<void> refuse(const Change& change);
  void roll_back();

  const DuckDbSinkConfig config_;
  const BranchConfig branch_;
  const SinkContext context_;
  const size_t flush_bytes_;
  std::optional<State> state_;
  std::deque<BatchView> pending_;
  size_t pending_bytes_ = 0;
  std::set<const Change*> refused_by_duckdb_;  // left out of the next attempt
  std::vector<Refusal> refused_;               // the same; they are among the dead letters
  SteadyTime last_flush_{};
  SteadyTime::duration pause_{};  // until the next flush under load
  uint64_t durable_seq_ = 0;
};

Result<std::optional<Progress>> DuckDbSink::open() {
  pending_.clear();
  pending_bytes_ = 0;
  refused_by_duckdb_.clear();
  refused_.clear();
  state_.reset();
  auto database = Database::open(config_.file, {config_.memory_max.value, config_.threads});
  if (!database) return Failure(database.error());
  auto connection = (*database)->connect();
  if (!connection) return Failure(connection.error());
  if (auto done = check_sql(*connection); !done) return Failure(done.error());
  state_.emplace(std::move(*connection), context_);
  if (auto done = state_->bookkeeping.open(); !done) return Failure(done.error());
  auto progress = state_->bookkeeping.progress();
  if (!progress) return Failure(progress.error());
  state_->progress = *progress;
  state_->writer = make_writer(*state_);
  if (auto done = state_->writer->open(); !done) return Failure(done.error());
  return *progress;
}

Result<void> DuckDbSink::check_sql(Connection& connection) const {
  if (auto error = mode_error(config_, branch_)) return Failure(*error);
  for (const auto& [tables, sql] : branch_.sql) {
    if (auto done = duckdb::check_row_statement(connection, sql); !done) return done;
  }
  return {};
}

std::unique_ptr<ChangeWriter> DuckDbSink::make_writer(State& state) const {
  if (config_.mode == DuckDbMode::kMirror) {
    auto is_ours = [this](const TableSchema& table) { return takes_table(branch_, table); };
    return std::make_unique<duckdb::MirrorWriter>(state.connection, state.bookkeeping,
                                                  duckdb::target_rule(config_), is_ours);
  }
  auto statement_of = [this](const TableSchema& table) -> std::optional<std::string> {
    for (const auto& [tables, sql] : branch_.sql) {
      if (tables.empty() || matches(tables, table)) return sql;
    }
    return std::nullopt;
  };
  return std::make_unique<duckdb::HistoryWriter>(state.connection, state.bookkeeping,
                                                 duckdb::target_rule(config_), statement_of);
}

Result<void> DuckDbSink::write(BatchView view) {
  if (is_full()) {
    return fail(ErrorKind::kBusy, "the batches for the next transaction are full");
  }
  pending_bytes_ += view.bytes();
  pending_.push_back(std::move(view));
  return {};
}

Result<SinkReport> DuckDbSink::poll(SteadyTime deadline) {
  const SteadyTime due = is_full() ? SteadyTime{} : last_flush_ + pause_;
  if (pending_.empty()) return SinkReport{durable_seq_};
  if (due > steady_now()) {
    std::this_thread::sleep_until(std::min(due, deadline));
    if (due > steady_now()) return SinkReport{durable_seq_};
  }
  if (auto done = flush(); !done) return Failure(done.error());
  return SinkReport{durable_seq_};
}

Result<SinkReport> DuckDbSink::drain(SteadyTime deadline) {
  while (!pending_.empty()) {
    if (auto done = flush(); !done) return Failure(done.error());
    if (steady_now() >= deadline) break;
  }
  return SinkReport{durable_seq_};
}

// How many batches from the first on go together: a table is made or altered between transactions.
size_t DuckDbSink::prepared_batches() const {
  size_t count = 1;
  while (count < pending_.size() && state_->writer->is_prepared(pending_[count]))
    ++count;
  return count;
}

Result<void> DuckDbSink::flush() {
  if (!state_) return fail(ErrorKind::kInternal, "the DuckDB sink is not open");
  const SteadyTime begun = steady_now();
  if (auto done = state_->writer->prepare(pending_.front()); !done) return done;
  const size_t count = prepared_batches();
  Result<void> done;
  for (int attempt = 0; attempt <= kConflictRetries; ++attempt) {
    done = commit_batches(count);
    // Another branch changed the same rows of _millrace at the same time.
    if (done || done.error().kind != ErrorKind::kBusy) break;
  }
  last_flush_ = steady_now();
  // A large table makes a transaction dear: then more goes into one.
  pause_ = std::max<SteadyTime::duration>(Millis(config_.flush_ms), last_flush_ - begun);
  if (!done) return done;
  durable_seq_ = pending_[count - 1].seq();
  for (size_t i = 0; i < count; ++i) {
    pending_bytes_ -= pending_.front().bytes();
    pending_.pop_front();
  }
  return {};
}

// One transaction. A value that DuckDB itself refuses is found by trying, and left out.
Result<void> DuckDbSink::commit_batches(size_t count) {
  refused_by_duckdb_.clear();
  refused_.clear();
  for (size_t attempt = 0;; ++attempt) {
    Progress progress = state_->progress;
    Result<void> done = state_->connection.begin();
    if (done) done = write_batches(count, progress);
    if (done) done = state_->bookkeeping.store(progress);
    if (done) done = bury_refused();
    if (done) done = state_->connection.commit();
    if (done) {
      state_->progress = std::move(progress);
      return {};
    }
    roll_back();
    if (done.error().kind != ErrorKind::kData) return done;
    const size_t before = refused_.size();
    auto found = attempt == 0 ? find_refused(count) : Result<void>();
    if (found && refused_.size() == before) found = find_refused_together(count);
    if (!found) return found;
    if (refused_.size() == before) return Failure(done.error());
  }
}

void DuckDbSink::roll_back() {
  state_->connection.roll_back();
  // Both read again what is committed; where that fails, the next statement says why.
  static_cast<void>(state_->bookkeeping.progress());
  static_cast<void>(state_->writer->open());
}

Result<void> DuckDbSink::write_batches(size_t count, Progress& progress) {
  for (size_t i = 0; i < count; ++i) {
    if (auto done = write_batch(pending_[i], progress); !done) return done;
  }
  return state_->writer->execute();
}

Result<void> DuckDbSink::write_batch(const BatchView& view, Progress& progress) {
  ChangeWriter& writer = *state_->writer;
  const Batch& batch = *view.batch;
  const bool is_new =
      batch.stream == kSnapshotStream && batch.offset.snapshot == SnapshotPhase::kRunning;
  if (is_new || batch.snapshot_start) {
    if (auto done = writer.execute(); !done) return done;
    auto begun = is_new ? writer.forget_snapshots() : writer.begin_snapshot(view);
    if (!begun) return begun;
  }
  if (const UnreadKeys* unread = resumed(batch, progress)) {
    if (auto done = writer.execute(); !done) return done;
    if (auto done = writer.resume_snapshot(view, *unread); !done) return done;
  }
  if (auto done = add_without_refused(view); !done) return done;
  const bool completes = table_of_stream(batch.stream).has_value() &&
                         batch.offset.snapshot == SnapshotPhase::kCompleted;
  advance(progress, batch);
  if (!completes) return {};
  if (auto done = writer.execute(); !done) return done;
  return writer.finish_snapshot(view);
}

Result<void> DuckDbSink::add_without_refused(const BatchView& view) {
  ChangeWriter& writer = *state_->writer;
  const Batch& batch = *view.batch;
  if (refused_by_duckdb_.empty()) return writer.add(view.changes, batch);
  size_t from = 0;
  for (size_t i = 0; i < view.changes.size(); ++i) {
    if (!refused_by_duckdb_.contains(&view.changes[i])) continue;
    if (auto done = writer.add(view.changes.subspan(from, i - from), batch); !done) {
      return done;
    }
    from = i + 1;
  }
  return writer.add(view.changes.subspan(from), batch);
}

// The dead letters are durable before the progress passes what they hold.
Result<void> DuckDbSink::bury_refused() {
  const std::vector<Refusal> refused = state_->writer->take_refused();
  if (refused.empty() && refused_.empty()) return {};
  if (context_.dead_letters == nullptr) {
    return Failure((refused.empty() ? refused_ : refused).front().error);
  }
  for (const Refusal& refusal : refused) {
    if (auto done = context_.dead_letters->add(*refusal.change, refusal.error); !done) return done;
  }
  return context_.dead_letters->flush();
}

Result<void> DuckDbSink::find_refused(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    auto done = bisect(pending_[i].changes, *pending_[i].batch);
    if (!done) return done;
  }
  return {};
}

Result<void> DuckDbSink::bisect(std::span<const Change> changes, const Batch& batch) {
  if (changes.empty() || is_storable(changes, batch)) return {};
  if (changes.size() > 1) {
    auto done = bisect(changes.first(changes.size() / 2), batch);
    return done ? bisect(changes.subspan(changes.size() / 2), batch) : done;
  }
  return refuse(changes.front());
}

// Each goes to the dead letters as it is found: a flood ends the search.
Result<void> DuckDbSink::refuse(const Change& change) {
  const std::string where = change.table == nullptr ? "" : change.table->full_name() + " at ";
  refused_.push_back(
      {&change,
       Error(ErrorKind::kData,
             where + format_lsn(change.lsn) +
                 ": DuckDB refuses a value that the sql or the target makes of this change",
             "look at the row in the dead letters, the sql and the target's types and "
             "constraints")});
  refused_by_duckdb_.insert(&change);
  if (context_.dead_letters == nullptr) return {};
  return context_.dead_letters->add(change, refused_.back().error);
}

// Tries within a transaction that is rolled back.
bool DuckDbSink::is_storable(std::span<const Change> changes, const Batch& batch) {
  Result<void> done = state_->connection.begin();
  if (done) done = state_->writer->add(changes, batch);
  if (done) done = state_->writer->execute();
  roll_back();
  return done || done.error().kind != ErrorKind::kData;
}

// Of those that are well alone, but not after one another (a constraint): each that is refused
// after those before it.
Result<void> DuckDbSink::find_refused_together(size_t count) {
  size_t all = 0;
  for (size_t i = 0; i < count; ++i)
    all += pending_[i].changes.size();
  size_t good = 0;
  while (good < all && !is_storable_through(all)) {
    size_t bad = all;
    while (bad - good > 1) {
      const size_t middle = good + (bad - good) / 2;
      (is_storable_through(middle) ? good : bad) = middle;
    }
    if (auto refused = refuse(pending_change(bad - 1)); !refused) return refused;
    good = bad;
  }
  return {};
}

const Change& DuckDbSink::pending_change(size_t index) const {
  size_t batch = 0;
  for (; index >= pending_[batch].changes.size(); ++batch)
    index -= pending_[batch].changes.size();
  return pending_[batch].changes[index];
}

// Tries so many of what is pending, one after the other, within a transaction that is rolled back.
bool DuckDbSink::is_storable_through(size_t changes) {
  Progress progress = state_->progress;
  Result<void> done = state_->connection.begin();
  for (size_t i = 0; done && changes > 0; ++i) {
    BatchView view = pending_[i];
    view.changes = view.changes.first(std::min(changes, view.changes.size()));
    changes -= view.changes.size();
    done = write_batch(view, progress);
  }
  if (done) done = state_->writer->execute();
  roll_back();
  return done || done.error().kind != ErrorKind::kData;
}

}  // namespace

duckdb::TargetRule duckdb::mirror_rule(const DuckDbSinkConfig& config) {
  return {config.schema, config.table.empty() ? "${table}" : config.table, false};
}

duckdb::TargetRule duckdb::target_rule(const DuckDbSinkConfig& config) {
  if (config.mode == DuckDbMode::kMirror) return mirror_rule(config);
  return {config.schema, config.table.empty() ? "${table}_history" : config.table, true};
}

bool takes_table(const BranchConfig& branch, const TableSchema& table) {
  return branch.tables.empty() ||
         std::any_of(branch.tables.begin(), branch.tables.end(),
                     [&](const std::string& regex) { return matches(regex, table); });
}

std::unique_ptr<Sink> make_duckdb_sink(const DuckDbSinkConfig& config, const BranchConfig& branch,
                                       const SinkContext& context) {
  return std::make_unique<DuckDbSink>(config, branch, context);
}

}  // namespace millrace
