#include "source/postgres/slot_reader.h"

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"
#include "base/log.h"

namespace millrace {

namespace {

// How long a batch with changes waits for more, and how old it may become.
constexpr std::chrono::microseconds kPause{300};
constexpr Millis kOldestBatch{10};
// A server that asks for our position may be shutting down and waiting for us.
constexpr Millis kAskedPause{1000};
constexpr unsigned kLookAtClock = 16;  // messages

// The point of the log from which a batch can be of another audience; nullopt: the message goes on
// with what stands before it. A begin, or a message outside transactions.
std::optional<Lsn> starts_at(const StreamMessage& message) {
  ByteReader in(message.payload);
  const uint8_t kind = in.u8();
  if (kind == 'B') return in.u64();
  if (kind == 'M' && in.u8() == 0) return message.lsn - 1;
  return std::nullopt;
}

}  // namespace

SlotReader::SlotReader(ReplicationStream stream, ChangeDecoder decoder, SlotReaderOptions options)
    : stream_(std::move(stream)),
      decoder_(std::move(decoder)),
      options_(std::move(options)),
      audience_(options_.audience),
      published_(decoder_.offset().position),
      published_at_(steady_now()),
      heartbeat_due_(published_at_ + options_.heartbeat_interval),
      is_awaited_(options_.waited_for != 0) {}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): when a batch ends, all in one place
Result<std::shared_ptr<Batch>> SlotReader::next(SteadyTime deadline) {
  auto batch = std::make_shared<Batch>(options_.budget);
  batch->changes.reserve(changes_before_);
  decoder_.start_batch();
  const size_t before = decoder_.bytes();
  batch->audience = audience_;
  for (unsigned count = 0;; ++count) {
    Result<std::optional<StreamMessage>> message = held_;
    if (!std::exchange(holds_, false)) message = stream_.read(read_until(*batch, deadline));
    if (!message && turns_to_text(&message.error())) return nullptr;
    if (!message) return Failure(message.error());
    const bool filled = !batch->changes.empty() && !decoder_.undecided();
    if (*message) {
      auto taken = take(**message, *batch);
      if (!taken) return Failure(taken.error());
      if (turns_to_text(nullptr)) return nullptr;
      if (!*taken) return seal(std::move(batch));
      if (!batch->changes.empty() && !filled) oldest_until_ = steady_now() + kOldestBatch;
      if (decoder_.bytes() - before < options_.batch_bytes && count % kLookAtClock != 0) continue;
    }
    const SteadyTime now = steady_now();
    if (!batch->changes.empty()) {
      const bool full = decoder_.bytes() - before >= options_.batch_bytes;
      if (decoder_.undecided() || (*message && !full && now < oldest_until_)) continue;
      return seal(std::move(batch));
    }
    if (is_heartbeat_due(now)) beat(*batch);
    if (!batch->changes.empty() || is_idle_due(now) || has_come()) return seal(std::move(batch));
    if (now >= deadline) return nullptr;
  }
}

// `error`: of the stream; null: it goes on. True: what is in the batch has to be read again, in
// text.
bool SlotReader::turns_to_text(const Error* error) {
  if (!options_.binary) return false;
  if (const auto& column = decoder_.unreadable()) {
    log::info("a type is not known in binary: the stream goes on in text",
              {{"table", column->table}, {"column", column->column}, {"type", column->type}});
    needs_text_ = true;
  } else if (error != nullptr && stream_.refused_binary()) {
    log::info("the server has a type that it cannot send in binary: the stream goes on in text",
              {{"why", error->message}});
    needs_text_ = true;
  }
  return needs_text_;
}

// False: the message needs a batch of another audience; it is held for the next poll.
Result<bool> SlotReader::take(const StreamMessage& message, Batch& batch) {
  if (message.keepalive) {
    reached_ = std::max(reached_, message.lsn);
    if (options_.moves_when_idle) decoder_.advance(message.lsn);
    asked_ = asked_ || message.reply_asked;
    return true;
  }
  if (const auto start = starts_at(message)) {
    reached_ = std::max(reached_, *start);
    audience_ = audience_at(*start);
    if (audience_ != batch.audience && !batch.changes.empty()) {
      held_ = message;
      held_.payload = held_payload_ = message.payload;
      holds_ = true;
      return false;
    }
    batch.audience = audience_;
  }
  if (auto decoded = decoder_.decode(message, batch); !decoded) return Failure(decoded.error());
  return true;
}

// A batch with changes waits a moment for more; an empty one until something is due.
SteadyTime SlotReader::read_until(const Batch& batch, SteadyTime deadline) const {
  if (!batch.changes.empty()) {
    if (decoder_.undecided()) return steady_now() + kOldestBatch;
    const SteadyTime more = decoder_.in_transaction() ? oldest_until_ : steady_now() + kPause;
    return std::min(more, oldest_until_);
  }
  SteadyTime until = deadline;
  if (decoder_.in_transaction()) return until;
  if (options_.heartbeat_interval > Millis(0)) until = std::min(until, heartbeat_due_);
  if (options_.moves_when_idle && decoder_.offset().position > published_) {
    until = std::min(until, idle_due());
  }
  return until;
}

bool SlotReader::is_idle_due(SteadyTime now) const {
  if (!options_.moves_when_idle || decoder_.in_transaction()) return false;
  if (decoder_.offset().position <= published_) return false;
  return now >= idle_due();
}

SteadyTime SlotReader::idle_due() const {
  return published_at_ + (asked_ ? kAskedPause : options_.idle_interval);
}

// Once: the first time that what is waited for is reached, and nothing is in flight.
bool SlotReader::has_come() {
  if (!is_awaited_ || reached_ < options_.waited_for || decoder_.in_transaction()) return false;
  is_awaited_ = false;
  decoder_.advance(options_.waited_for);
  return true;
}

bool SlotReader::is_heartbeat_due(SteadyTime now) const {
  return options_.heartbeat_interval > Millis(0) && !decoder_.in_transaction() &&
         now >= heartbeat_due_;
}

void SlotReader::beat(Batch& batch) {
  heartbeat_due_ = steady_now() + options_.heartbeat_interval;
  const Offset offset = decoder_.offset();
  Change change;
  change.op = Op::kHeartbeat;
  change.xid = offset.xid;
  change.position = offset.position;
  change.lsn = offset.lsn;
  change.last_commit_lsn = decoder_.last_commit();
  change.commit_us = offset.commit_us;
  batch.changes.push_back(change);
  batch.audience = options_.audience;
  if (options_.on_heartbeat) options_.on_heartbeat();
}

std::shared_ptr<Batch> SlotReader::seal(std::shared_ptr<Batch> batch) {
  batch->offset = decoder_.offset();
  batch->offset.system_id = options_.server.system_id;
  batch->offset.timeline = options_.server.timeline;
  stream_.free_message();
  changes_before_ = batch->changes.size();
  if (batch->changes.empty()) batch->audience = options_.audience;
  batch->catch_up = options_.catch_up;
  published_ = batch->offset.position;
  published_at_ = steady_now();
  asked_ = false;
  return batch;
}

uint64_t SlotReader::audience_at(Lsn commit_lsn) const {
  uint64_t out = options_.audience;
  for (size_t i = 0; i < options_.floors.size(); ++i) {
    if (commit_lsn < options_.floors[i]) out &= ~(uint64_t{1} << i);
  }
  return out;
}

}  // namespace millrace
