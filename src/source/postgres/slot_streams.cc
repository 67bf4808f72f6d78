#include "source/postgres/slot_streams.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "source/postgres/slot.h"

namespace millrace {

namespace {

constexpr Millis kTurn{5};  // that a stream waits for data where others are read too
// A branch is told soon how far its stream is, for it may join the others then.
constexpr Millis kCatchUpIdle{100};

}  // namespace

Result<SlotReader> SlotStreams::open(postgres::Connection connection, const std::string& slot,
                                     const Session& session, const Offset& from,
                                     SlotReaderOptions reading) const {
  const PostgresConfig& config = options_.config;
  StreamOptions options;
  options.slot = slot;
  options.publication = config.publication_name;
  options.more_params = config.slot_stream_params;
  options.start = start_lsn(from);
  options.binary = session.binary_version != 0;
  options.status_interval = session.status_interval;
  options.silence_limit = session.silence_limit;
  auto stream = ReplicationStream::start(std::move(connection), options);
  if (!stream) return Failure(stream.error());
  DecoderOptions decoding;
  decoding.transaction_markers = options_.transaction_markers;
  decoding.captures_message = callbacks_.captures_message;
  decoding.binary_version = session.binary_version;
  reading.budget = options_.budget;
  reading.batch_bytes = options_.batch_bytes;
  reading.moves_when_idle = config.lsn_flush_mode == LsnFlushMode::kConnectorAndDriver;
  reading.server = session.server;
  reading.binary = options.binary;
  log::info("streaming", {{"slot", slot},
                          {"lsn", format_lsn(options.start)},
                          {"format", options.binary ? "binary" : "text"}});
  return SlotReader(std::move(*stream), ChangeDecoder(lookup_, std::move(decoding), from),
                    std::move(reading));
}

Result<void> SlotStreams::start(Session& session) {
  const PostgresConfig& config = options_.config;
  SlotReaderOptions reading;
  reading.idle_interval = options_.idle_interval;
  reading.heartbeat_interval = Millis(config.heartbeat_interval_ms);
  if (!config.heartbeat_action_query.empty()) reading.on_heartbeat = callbacks_.on_heartbeat;
  reading.audience = session.plan.streaming;
  // Not of a copy: its branch may stand behind where it was when the session began.
  reading.floors = session.floors;
  if (session.plan.snapshot_waits()) reading.waited_for = session.snapshot_at.lsn_commit;
  auto connection = std::move(*session.replication);
  session.replication.reset();
  auto reader =
      open(std::move(connection), config.slot_name, session, session.from, std::move(reading));
  if (!reader) return Failure(reader.error());
  own_.emplace(std::move(*reader));
  return {};
}

Result<void> SlotStreams::catch_up(const Session& session, size_t index, const Offset& from) {
  auto connection = open_replication_connection(options_.config);
  if (!connection) return Failure(connection.error());
  const std::string copy =
      temporary_slot_name(options_.config.slot_name, "catch_up", connection->backend_pid());
  if (auto made = copy_slot(*connection, options_.config.slot_name, copy); !made) return made;
  SlotReaderOptions reading;
  reading.idle_interval = kCatchUpIdle;
  reading.audience = uint64_t{1} << index;
  reading.catch_up = true;
  auto reader = open(std::move(*connection), copy, session, from, std::move(reading));
  if (!reader) return Failure(reader.error());
  beside_.push_back(std::make_unique<Beside>(index, std::move(*reader)));
  return {};
}

void SlotStreams::end_catch_up(size_t index) {
  std::erase_if(beside_, [&](const auto& one) { return one->index == index; });
}

uint64_t SlotStreams::catching_up() const {
  uint64_t out = 0;
  for (const auto& one : beside_)
    out |= uint64_t{1} << one->index;
  return out;
}

void SlotStreams::lost(size_t at, const Error& why) {
  log::warn("the copy of the slot is lost: the branch goes on with the others",
            {{"slot", options_.config.slot_name}, {"error", why.text()}});
  beside_.erase(beside_.begin() + static_cast<std::ptrdiff_t>(at));
}

Result<std::shared_ptr<Batch>> SlotStreams::next(SteadyTime deadline, uint64_t full) {
  if (!beside_.empty()) deadline = std::min(deadline, steady_now() + kTurn);
  turn_ = (turn_ + 1) % (beside_.size() + 1);
  const bool is_full = turn_ != 0 && (full >> beside_[turn_ - 1]->index & 1) != 0;
  if (turn_ == 0 || is_full) {
    auto batch = own_->next(deadline);
    needs_text_ = own_->needs_text();
    return batch;
  }
  const size_t at = turn_ - 1;
  auto batch = beside_[at]->reader.next(deadline);
  needs_text_ = beside_[at]->reader.needs_text();
  if (batch) return batch;
  lost(at, batch.error());
  return nullptr;
}

// The copies keep no more WAL than the slot.
Result<void> SlotStreams::confirm(Lsn lsn) {
  for (size_t at = beside_.size(); at-- > 0;) {
    if (auto done = beside_[at]->reader.confirm(lsn); !done) lost(at, done.error());
  }
  return own_->confirm(lsn);
}

bool SlotStreams::is_swollen() const {
  if (!own_->is_swollen()) return false;
  log::info("a large row has made the connection large: opening it again",
            {{"slot", options_.config.slot_name}});
  return true;
}

Result<void> SlotStreams::close() {
  beside_.clear();
  return own_ ? own_->close() : Result<void>{};
}

void SlotStreams::disconnect() {
  beside_.clear();
  own_.reset();
  needs_text_ = false;
}

}  // namespace millrace
